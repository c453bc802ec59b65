//! Others read the same rows out of a file: the Parquet library of the Arrow project.

use crate::rows::{file, row};
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};
use proptest::{collection::vec, prelude::*};

fn unsigned(field: &Field) -> Option<u64> {
    match *field {
        Field::Null => None,
        Field::UByte(value) => Some(value.into()),
        Field::UShort(value) => Some(value.into()),
        Field::UInt(value) => Some(value.into()),
        Field::ULong(value) => Some(value),
        ref other => panic!("{other:?} is no unsigned number"),
    }
}

fn text(field: &Field) -> Option<&str> {
    match field {
        Field::Null => None,
        Field::Str(text) => Some(text),
        other => panic!("{other:?} is no text"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_arrow_project_reads_the_same(rows in vec(row(), 0..3_000).prop_map(|mut rows| { rows.sort_unstable(); rows })) {
        let names = crate::rows::names();
        let reader = SerializedFileReader::new(file(&rows, &names)).unwrap();
        let mut count = 0;
        for (found, row) in reader.get_row_iter(None).unwrap().zip(&rows) {
            count += 1;
            let found = found.unwrap();
            let fields: Vec<&Field> = found.get_column_iter().map(|(_, field)| field).collect();
            let number = |value: u32| Some(u64::from(value));
            let place = |number: u32| usize::try_from(number).unwrap();
            prop_assert_eq!(fields[0], &Field::Int(row.hour));
            prop_assert_eq!(unsigned(fields[1]), number(row.outside_ip));
            prop_assert_eq!(unsigned(fields[2]), number(row.outside_port.into()));
            prop_assert_eq!(unsigned(fields[3]), number(row.remote_ip));
            prop_assert_eq!(unsigned(fields[4]), row.remote_port().map(u64::from));
            prop_assert_eq!(unsigned(fields[5]), number(row.protocol.into()));
            prop_assert_eq!(fields[6], &Field::TimestampMicros(row.start));
            prop_assert_eq!(unsigned(fields[7]), number(row.start_open));
            prop_assert_eq!(fields[8], &Field::Long(row.end.wrapping_sub(row.start)));
            prop_assert_eq!(unsigned(fields[9]), number(row.end_open));
            prop_assert_eq!(unsigned(fields[10]), number(row.inside_ip));
            prop_assert_eq!(unsigned(fields[11]), row.inside_port().map(u64::from));
            prop_assert_eq!(text(fields[12]), Some(names.gateways[place(row.gateway)].as_str()));
            prop_assert_eq!(text(fields[13]), row.realm().map(|realm| names.realms[place(realm)].as_str()));
            prop_assert_eq!(text(fields[14]), Some(names.logs[place(row.log)].as_str()));
            prop_assert_eq!(text(fields[15]), Some(names.files[place(row.file)].as_str()));
            prop_assert_eq!(unsigned(fields[16]), Some(row.line));
        }
        prop_assert_eq!(count, rows.len());
    }
}
