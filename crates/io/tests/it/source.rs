//! Files as they lie on disk: compressed, rotated, cut, wide, huge, missing.

use flate2::{Compression, write::GzEncoder};
use std::{
    error::Error,
    fs,
    io::{Seek, SeekFrom, Write},
    path::Path,
};
use tempfile::{TempDir, tempdir};
use unmasq_io::source::{
    ExpandError, Frames, LINE_LIMIT, Location, Meter, Origin, Part, ReadError, expand, families, open,
};

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn frames(path: &Path) -> Frames {
    Frames::new(open(&Location::File(path.into()), &Meter::default()).unwrap(), LINE_LIMIT)
}

/// All bytes of all frames, and the break at the end if there was one.
fn read(path: &Path) -> (Vec<u8>, Option<ReadError>) {
    let mut frames = frames(path);
    let mut bytes = Vec::new();
    loop {
        match frames.next_frame() {
            Ok(Some(frame)) => bytes.extend_from_slice(frame.bytes),
            Ok(None) => return (bytes, None),
            Err(broken) => {
                assert!(frames.next_frame().unwrap().is_none(), "a break is reported once");
                return (bytes, Some(broken));
            }
        }
    }
}

fn names(folder: &Path, arg: &str) -> Vec<String> {
    let found = expand(folder.join(arg).to_str().unwrap()).unwrap();
    let path = |found: &unmasq_io::source::Found| match &found.location {
        Location::File(path) => path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(),
        Location::Stdin => "-".into(),
    };
    found.iter().map(path).collect()
}

/// Lines that do not compress to nothing.
fn lines(count: u32) -> Vec<u8> {
    let mut state = 7u32;
    let mut text = Vec::new();
    for line in 0..count {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        writeln!(text, "line {line} says {state}").unwrap();
    }
    text
}

#[test]
fn every_compression_gives_the_same_lines() {
    let text = lines(20_000);
    let (front, back) = text.split_at(text.len() / 2);
    let members = [gzip(front), gzip(back)].concat();
    let zstd = |bytes| zstd::encode_all(bytes, 0).unwrap();
    let two_frames = [zstd(front), zstd(back)].concat();
    // pzstd begins with a skippable frame.
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2], &zstd(&text[..])[..]].concat();
    let folder = folder(&[
        ("plain.gz", &text),
        ("one-member", &gzip(&text)),
        ("two-members", &members),
        ("one-frame", &zstd(&text[..])),
        ("two-frames", &two_frames),
        ("skippable", &skippable),
    ]);
    for name in names(folder.path(), "") {
        let (read, broken) = read(&folder.path().join(&name));
        assert!(broken.is_none(), "{name}: {broken:?}");
        assert!(read == text, "{name}");
    }
}

#[test]
fn what_came_before_a_cut_is_used() {
    let text = lines(200_000);
    let gzip = gzip(&text);
    let zstd = zstd::encode_all(&text[..], 0).unwrap();
    let folder = folder(&[
        ("cut.gz", &gzip[..gzip.len() / 2]),
        ("cut.zst", &zstd[..zstd.len() / 2]),
        ("tail.gz", &[&gzip[..], b"no gzip member"].concat()),
    ]);
    for (name, least) in [("cut.gz", 0.4), ("cut.zst", 0.4), ("tail.gz", 1.0)] {
        let path = folder.path().join(name);
        let (read, broken) = read(&path);
        assert!(text.starts_with(&read), "{name}");
        assert!(read.len() as f64 >= least * text.len() as f64, "{name}: only {} bytes", read.len());
        let broken = broken.expect(name);
        let ReadError::Broken { file, offset, .. } = &broken else { panic!("{broken}") };
        assert_eq!(file, path.to_str().unwrap());
        assert!(*offset > 0 && *offset <= fs::metadata(&path).unwrap().len());
        assert!(broken.source().is_some() && !broken.hint().is_empty());
    }
}

#[test]
fn a_damaged_stream_is_a_break() {
    let text = lines(200_000);
    let mut packed = gzip(&text);
    let middle = packed.len() / 2;
    packed[middle..middle + 64].fill(0xaa);
    let folder = folder(&[("damaged.gz", &packed)]);
    let (read, broken) = read(&folder.path().join("damaged.gz"));
    assert!(matches!(broken, Some(ReadError::Broken { .. })));
    assert!(text.starts_with(&read[..text.len() / 4]));
}

#[test]
fn a_line_cut_by_a_break_is_not_whole() {
    let text = lines(50_000);
    let packed = gzip(&text);
    let folder = folder(&[("cut.gz", &packed[..packed.len() / 2])]);
    let mut frames = frames(&folder.path().join("cut.gz"));
    let mut last = Part::Whole;
    while let Ok(Some(frame)) = frames.next_frame() {
        assert!(frame.part == Part::Whole && frame.bytes.ends_with(b"\n") || frame.part == Part::Cut);
        last = frame.part;
    }
    assert_eq!(last, Part::Cut);
}

#[test]
fn wide_text_and_foreign_compression_say_what_to_do() {
    let folder = folder(&[
        ("utf16.json", b"\xff\xfe{\0}\0"),
        ("utf32.json", b"\0\0\xfe\xff\0\0\0{"),
        ("utf16.gz", &gzip(b"\xfe\xff\0{")),
        ("log.xz", b"\xfd7zXZ\0and more"),
    ]);
    let hint = |name: &str| {
        open(&Location::File(folder.path().join(name)), &Meter::default()).expect_err(name).hint()
    };
    assert!(hint("utf16.json").contains("iconv -f UTF-16 -t UTF-8"));
    assert!(hint("utf32.json").contains("iconv -f UTF-32 -t UTF-8"));
    assert!(hint("utf16.gz").contains("iconv -f UTF-16 -t UTF-8"));
    assert!(hint("log.xz").contains("xz -dc"));
}

#[test]
fn an_empty_file_has_no_lines() {
    let folder = folder(&[("empty", b""), ("empty.gz", &gzip(b""))]);
    for name in ["empty", "empty.gz"] {
        let (read, broken) = read(&folder.path().join(name));
        assert!(read.is_empty() && broken.is_none());
    }
}

#[test]
fn a_huge_line_passes_in_bounded_memory() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("huge");
    let mut file = fs::File::create(&path).unwrap();
    file.seek(SeekFrom::Start(64 << 20)).unwrap(); // 64 MiB of NUL bytes, without their disk space
    file.write_all(b"\nshort\n").unwrap();
    let mut frames = frames(&path);
    let (mut pieces, mut bytes) = (0, 0);
    loop {
        let frame = frames.next_frame().unwrap().unwrap();
        assert!(frame.bytes.len() <= LINE_LIMIT && !frame.whole() && frame.line == 1);
        pieces += 1;
        bytes += frame.bytes.len();
        if frame.part == Part::Last {
            break;
        }
    }
    assert_eq!((pieces, bytes), (65, (64 << 20) + 1));
    let short = frames.next_frame().unwrap().unwrap();
    assert_eq!((short.line, short.bytes, short.part), (2, &b"short\n"[..], Part::Whole));
    assert!(frames.next_frame().unwrap().is_none());
}

#[test]
fn a_folder_gives_its_files_in_order() {
    let folder = folder(&[
        ("b.log", b"1"),
        ("a/z.log", b"22"),
        ("a/deep/y.log", b""),
        (".hidden", b""),
        (".git/config", b""),
    ]);
    assert_eq!(names(folder.path(), ""), ["a/deep/y.log", "a/z.log", "b.log"]);
    assert_eq!(names(folder.path(), "*.log"), ["b.log"]);
    assert_eq!(names(folder.path(), "**/*.log"), ["a/deep/y.log", "a/z.log", "b.log"]);
    assert_eq!(names(folder.path(), "?"), ["a/deep/y.log", "a/z.log"], "a matched folder is a folder");
    let found = expand(folder.path().to_str().unwrap()).unwrap();
    assert_eq!(found[1].bytes, Some(2));
    assert!(found.iter().all(|found| found.origin == Origin::Searched));
}

#[test]
fn the_pieces_of_a_rotated_log_are_one_family() {
    let folder = folder(&[
        ("nat.log", b"new"),
        ("nat.log.1", b""),
        ("nat.log.2.gz", &gzip(b"old")),
        ("other.log", b""),
    ]);
    let families = families(expand(folder.path().to_str().unwrap()).unwrap());
    let shape: Vec<(&str, usize)> = families.iter().map(|f| (f.stem.as_str(), f.files.len())).collect();
    assert_eq!(shape, [("nat.log", 3), ("other.log", 1)]);
    assert_eq!(families[0].files[0].location.name().as_str(), "nat.log.2.gz");
}

#[test]
fn a_file_whose_name_looks_like_a_pattern_is_that_file() {
    let folder = folder(&[("gw[1].log", b"")]);
    let found = expand(folder.path().join("gw[1].log").to_str().unwrap()).unwrap();
    assert_eq!((found.len(), found[0].origin), (1, Origin::Named));
}

#[test]
fn what_is_not_there_says_what_to_try() {
    let folder = folder(&[("conntrack.log", b""), ("empty/.hidden", b"")]);
    let fails = |arg: &str| expand(folder.path().join(arg).to_str().unwrap()).unwrap_err();
    let missing = fails("contrack.log");
    assert!(missing.to_string().ends_with("contrack.log` does not exist"));
    assert!(missing.hint().starts_with("did you mean") && missing.hint().ends_with("/conntrack.log`?"));
    assert!(matches!(fails("conntrack.log/below"), ExpandError::Missing { .. }));
    assert!(matches!(fails("*.json"), ExpandError::NoMatch { .. }));
    assert!(matches!(fails("empty"), ExpandError::EmptyFolder { .. }));
    assert!(matches!(fails("[z-a"), ExpandError::Pattern { .. }));
    assert!(fails("*.json").is_absence() && !fails("[z-a").is_absence());
}

#[test]
fn a_folder_is_not_a_file() {
    let folder = folder(&[]);
    let error = open(&Location::File(folder.path().into()), &Meter::default()).unwrap_err();
    assert!(matches!(error, ReadError::Folder { .. }));
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&[("secret.log", b"text")]);
    let path = folder.path().join("secret.log");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        return; // root may read everything
    }
    let error = open(&Location::File(path), &Meter::default()).unwrap_err();
    assert!(matches!(error, ReadError::Open { .. }));
    assert!(error.hint().contains("permissions"));
}

#[cfg(unix)]
#[test]
fn a_circle_of_links_ends() {
    let folder = folder(&[("a/log", b"")]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/round")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("nowhere"), folder.path().join("broken")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("a/log"), folder.path().join("link")).unwrap();
    assert_eq!(names(folder.path(), ""), ["a/log", "link"]);
}

#[test]
fn dash_is_standard_input() {
    let found = expand("-").unwrap();
    assert_eq!((found.len(), &found[0].location, found[0].bytes), (1, &Location::Stdin, None));
    assert_eq!(found[0].location.name().as_str(), "stdin");
}
