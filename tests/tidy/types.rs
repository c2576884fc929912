//! Rule: a type stays small enough to be understood: all its `impl` blocks together, wherever they stand, without tests.

use std::collections::BTreeMap;

use crate::source::{Source, Token};

/// Lines of all `impl` blocks of one type.
const TYPE_LINES_MAX: usize = 500;

/// A type by the file that declares it, and its name.
type Type<'a> = (&'a str, &'a str);

/// Types with too many lines of `impl` blocks.
pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    let tokens: Vec<_> = sources.iter().map(Source::tokens).collect();
    let mut homes: BTreeMap<&str, Vec<&Source>> = BTreeMap::new();
    for (source, tokens) in sources.iter().zip(&tokens) {
        for pair in tokens.windows(2).filter(|pair| ["struct", "enum", "union"].contains(&pair[0].text)) {
            homes.entry(pair[1].text).or_default().push(source);
        }
    }
    let mut lines: BTreeMap<Type<'_>, BTreeMap<&str, usize>> = BTreeMap::new();
    for (source, tokens) in sources.iter().zip(&tokens) {
        for (name, len) in impls(tokens) {
            let home = homes.get(name).and_then(|homes| homes.iter().max_by_key(|home| nearness(home, source)));
            let Some(home) = home else { continue };
            *lines.entry((&home.path, name)).or_default().entry(&source.path).or_default() += len;
        }
    }
    let sums = lines.iter().map(|(of, files)| (of, files, files.values().sum::<usize>()));
    let too_long = sums.filter(|(_, _, sum)| *sum > TYPE_LINES_MAX);
    let complain = |((home, name), files, sum): (&Type<'_>, &BTreeMap<&str, usize>, usize)| {
        let places: Vec<_> = files.iter().map(|(path, lines)| format!("{path} ({lines})")).collect();
        let places = places.join(", ");
        format!("{home}:1: {name} has {sum} lines of `impl` where {TYPE_LINES_MAX} are the limit: {places}")
    };
    too_long.map(complain).collect()
}

/// The type of each `impl` block, and its lines.
fn impls<'a>(tokens: &[Token<'a>]) -> Vec<(&'a str, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_item = at == 0 || ["}", ";", "]", "{", "unsafe", "default"].contains(&tokens[at - 1].text);
        if tokens[at].text != "impl" || !is_item {
            at += 1;
            continue;
        }
        let Some(open) = (at..tokens.len()).find(|&index| tokens[index].text == "{") else { break };
        let mut depth = 0;
        let close = (open..tokens.len()).find(|&index| {
            depth += i32::from(tokens[index].text == "{") - i32::from(tokens[index].text == "}");
            depth == 0
        });
        let close = close.unwrap_or(tokens.len() - 1);
        if let Some(name) = subject(&tokens[at + 1..open]) {
            found.push((name, tokens[close].line - tokens[at].line + 1));
        }
        at = close + 1;
    }
    found
}

/// The name of the type between `impl` and `{`: behind `for` if there is one, without generics, path and bounds.
fn subject<'a>(head: &[Token<'a>]) -> Option<&'a str> {
    let mut depth = 0;
    let mut name = None;
    for (index, token) in head.iter().enumerate() {
        match token.text {
            "<" => depth += 1,
            // Not the end of an arrow.
            ">" if index == 0 || !["-", "="].contains(&head[index - 1].text) => depth -= 1,
            "for" if depth == 0 => name = None,
            "where" if depth == 0 => break,
            _ if depth == 0 && token.is_word() => name = Some(token.text),
            _ => {}
        }
    }
    name
}

/// Number of folders and files of their paths that two files share from the top on; the file itself is nearest.
fn nearness(home: &Source, user: &Source) -> usize {
    let (home, user) = (home.module(), user.module());
    let common = home.iter().zip(&user).take_while(|(a, b)| a == b).count();
    2 * common + usize::from(common == home.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        check(&files.iter().map(|(path, text)| Source::new(path, text)).collect::<Vec<_>>())
    }

    /// An `impl` of so many lines.
    fn block(head: &str, lines: usize) -> String {
        format!("{head} {{\n{}}}\n", "x\n".repeat(lines - 2))
    }

    #[test]
    fn all_blocks_of_a_type_count_together_wherever_they_stand() {
        let home = format!("struct Node;\n{}", block("impl Node", 300));
        let rest = |lines| block("impl<'a, T: Fn() -> u8> fmt::Display for super::Node where T: Copy", lines);
        let files = |lines| [("src/core/node.rs", home.clone()), ("src/core/node/more.rs", rest(lines))];
        let check = |lines: usize| complaints(&files(lines).each_ref().map(|(path, text)| (*path, text.as_str())));
        assert_eq!(check(200), [""; 0]);
        assert_eq!(
            check(201),
            ["src/core/node.rs:1: Node has 501 lines of `impl` where 500 are the limit: \
              src/core/node.rs (300), src/core/node/more.rs (201)"]
        );
    }

    #[test]
    fn two_types_of_one_name_are_two() {
        let text = format!("pub enum Error {{}}\n{}", block("impl Error", 300));
        assert_eq!(complaints(&[("src/core/error.rs", &text), ("src/wire/error.rs", &text)]), [""; 0]);
        let third = block("impl fmt::Display for Error", 201);
        let found =
            complaints(&[("src/core/error.rs", &text), ("src/wire/error.rs", &text), ("src/wire/x.rs", &third)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("src/wire/error.rs:1: Error has 501"), "{found:?}");
    }

    #[test]
    fn tests_and_types_of_others_do_not_count() {
        let tests = format!("struct A;\n#[cfg(test)]\nmod tests {{\n{}}}", block("impl A", 600));
        assert_eq!(complaints(&[("src/core/a.rs", &tests)]), [""; 0]);
        assert_eq!(complaints(&[("src/core/a.rs", &block("impl Foreign", 600))]), [""; 0]);
        assert_eq!(complaints(&[("src/core/a.rs", "struct A;\nfn f() -> impl Iterator { }\n")]), [""; 0]);
    }
}
