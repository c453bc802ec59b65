//! Guessing what a file is from its first bytes.

/// More of a file tells nothing new.
const SAMPLE: usize = 64 * 1024;

/// How many of a sample's lines fit, in percent; 0 if there is none. Only its first 64 KiB are looked at.
///
/// Blank lines do not count. A sample may have been cut in its last line: unless that line fits, it
/// does not count either.
pub(crate) fn share_of_lines(sample: &[u8], mut fits: impl FnMut(&[u8]) -> bool) -> u8 {
    let sample = &sample[..sample.len().min(SAMPLE)];
    let (mut lines, mut fitting) = (0_usize, 0_usize);
    for line in sample.split_inclusive(|&byte| byte == b'\n') {
        if crate::json::is_blank(line) {
            continue;
        }
        let fit = fits(line);
        if fit || line.ends_with(b"\n") {
            lines += 1;
            fitting += usize::from(fit);
        }
    }
    u8::try_from(fitting * 100 / lines.max(1)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_does_not_count() {
        let share = |sample: &str| share_of_lines(sample.as_bytes(), |line| line.starts_with(b"ok"));
        assert_eq!(share("ok\nok\n\n \r\no"), 100);
        assert_eq!(share("ok\nno\nok\nok"), 75);
        assert_eq!(share("ok"), 100);
        assert_eq!(share(""), 0);
    }
}
