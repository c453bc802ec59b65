//! Long text in lines that fit a terminal.

/// Lines longer than this are hard to read.
const WIDTH: usize = 100;

/// The words of `text` in lines of at most 100 letters, each after the first behind `indent` spaces;
/// the first has `before` letters before it. A word that is longer stands by itself.
pub(crate) fn wrap(text: &str, before: usize, indent: usize) -> String {
    let mut wrapped = String::new();
    let mut column = before;
    for word in text.split_whitespace() {
        let letters = word.chars().count();
        if !wrapped.is_empty() {
            if column + 1 + letters > WIDTH {
                wrapped.push('\n');
                wrapped.push_str(&" ".repeat(indent));
                column = indent;
            } else {
                wrapped.push(' ');
                column += 1;
            }
        }
        wrapped.push_str(word);
        column += letters;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_longer_than_a_word_makes_it() {
        let text = "word ".repeat(60) + &"x".repeat(120) + " end";
        let wrapped = wrap(&text, 10, 4);
        let lines: Vec<&str> = wrapped.lines().collect();
        assert_eq!(lines[0].len(), 89, "18 words and 17 spaces after ten letters");
        assert!(lines[1].starts_with("    word") && lines[1].len() <= 100);
        assert_eq!(lines[lines.len() - 2].trim().len(), 120);
        assert_eq!(*lines.last().unwrap(), "    end");
        assert_eq!(wrap("", 0, 4), "");
    }
}
