use super::*;
use crate::layout::slowly;

const LOGS: [&str; 4] = [
    include_str!("../../../../../corpus/nginx/defaults/input.log"),
    include_str!("../../../../../corpus/nginx/lab/input.log"),
    include_str!("../../../../../corpus/nginx/traps/input.log"),
    include_str!("../../../../../corpus/ingress-nginx/default/input.log"),
];

#[test]
fn every_line_is_read_by_the_first_layout_that_has_written_it() {
    let layouts = [COMBINED, MAIN, UPSTREAMINFO].map(|text| layout::compile(text).unwrap().1);
    let together = Layouts::new(layouts.clone());
    let mut division = Division::default();
    let mut read = 0;
    for line in LOGS.iter().flat_map(|log| log.lines()) {
        let quick = together.find_map(line, &mut division, |at, cells| Some((at, slowly::values(&cells))));
        let mut each = layouts.iter().enumerate();
        assert_eq!(quick, each.find_map(|(at, layout)| Some((at, slowly::read(layout, line)?))), "{line}");
        read += usize::from(quick.is_some());
    }
    assert!(read > 10, "{read}");
}
