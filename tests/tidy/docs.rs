//! Rule: a doc comment begins with what it documents, with a noun or a verb, and not with a question.

use crate::source::Source;

/// Words that a doc comment does not begin with.
const QUESTIONS: &[&str] = &["What", "Whether", "How", "Who", "When", "Where", "Why", "If"];

/// Doc comments that begin with a question. Help texts are left out: they are written for whoever types.
pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(check_file).collect()
}

fn check_file(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
    let mut complaints = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((mark, text)) = doc(line) else { continue };
        let is_first = index == 0 || doc(lines[index - 1]).is_none_or(|(before, _)| before != mark);
        let word = text.split_whitespace().next().unwrap_or_default().trim_end_matches([',', '.', ':']);
        if is_first && QUESTIONS.contains(&word) && !is_help(&lines[index..]) {
            let what = format!("the doc comment begins with '{word}'; name what it documents");
            complaints.push(source.complain(index + 1, &what));
        }
    }
    complaints
}

/// The mark of a line of documentation, and its text.
fn doc(line: &str) -> Option<(&str, &str)> {
    let mark = line.get(..3).filter(|mark| ["///", "//!"].contains(mark))?;
    Some((mark, &line[3..]))
}

/// Returns whether the comment on these lines is the help of an argument or of a command.
fn is_help(lines: &[&str]) -> bool {
    let item = lines.iter().find(|line| doc(line).is_none());
    item.is_some_and(|line| line.starts_with("#[arg") || line.starts_with("#[command"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Vec<String> {
        check(&[Source::new("src/core/a.rs", text)])
    }

    #[test]
    fn questions_are_refused_where_a_comment_begins() {
        assert_eq!(
            complaints("//! Numbers.\n\n    /// Whether it is one.\n    fn is_one() {}"),
            ["src/core/a.rs:3: the doc comment begins with 'Whether'; name what it documents"]
        );
        for text in ["//! What it is.", "/// What.", "/// How many.", "/// Who: a name.", "//! Doc.\n/// If so."] {
            assert_eq!(complaints(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn nouns_verbs_and_help_pass() {
        for text in [
            "/// Returns whether it is one.",
            "/// Number of nodes.\n/// What follows goes on.",
            "/// Whatever comes.",
            "// What is no doc comment.",
            "/// When to use colours\n#[arg(long)]\ncolour: Colour,",
        ] {
            assert_eq!(complaints(text), [""; 0], "{text}");
        }
    }
}
