//! A Rust file as the rules see it: its text, its code without comments and strings, its words and paths.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One Rust file.
pub(crate) struct Source {
    /// Relative to the package, with `/`.
    pub(crate) path: String,
    /// As it stands in the file.
    pub(crate) text: String,
    /// The text with comments, strings and test-only items turned to spaces; line numbers are kept.
    pub(crate) shipped: String,
    /// Likewise, of a file that holds tests alone, of which nothing is shipped.
    of_tests: String,
}

/// A path such as `crate::core::id`, from a `use` or from an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) segments: Vec<String>,
    /// From 1.
    pub(crate) line: usize,
}

/// A word, `::`, or one other character that is no space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    /// From 1.
    pub(crate) line: usize,
}

impl Token<'_> {
    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(is_word_char)
    }
}

/// The package folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files of one extension below `root`, relative to it, in order; without what is built or installed.
pub(crate) fn files(root: &Path, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is readable").map(|entry| entry.expect("an entry")) {
            let (path, name) = (entry.path(), entry.file_name().into_string().expect("a name in UTF-8"));
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|it| it == extension) {
                let relative = path.strip_prefix(root).expect("a path below the root");
                found.push(relative.to_str().expect("a path in UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

impl Source {
    pub(crate) fn read(root: &Path, path: &str) -> Self {
        Self::new(path, &fs::read_to_string(root.join(path)).expect("the file is readable UTF-8"))
    }

    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = without_comments_and_strings(text);
        let (shipped, of_tests) = match without_tests(&code) {
            code if is_test(path) => (blank(&code), code),
            code => (code, String::new()),
        };
        Self { path: path.to_owned(), text: text.to_owned(), shipped, of_tests }
    }

    /// The module that the file is: `[]` for the crate itself, `["core", "id"]` for `src/core/id.rs`.
    pub(crate) fn module(&self) -> Vec<&str> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let stem = inner.strip_suffix(".rs").unwrap_or(inner);
        stem.split('/').filter(|part| !["lib", "main", "mod"].contains(part)).collect()
    }

    /// `path:line: what`.
    pub(crate) fn complain(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }

    /// Line `number`, from 1, as it stands in the file.
    pub(crate) fn line(&self, number: usize) -> &str {
        self.text.lines().nth(number - 1).unwrap_or_default()
    }

    pub(crate) fn tokens(&self) -> Vec<Token<'_>> {
        tokens(&self.shipped)
    }

    /// Every path that shipped code names, `use` groups taken apart.
    pub(crate) fn paths(&self) -> Vec<Named> {
        let (imports, others) = paths(&self.tokens());
        [imports, others].concat()
    }

    /// The paths of `use` lines, and those of the code besides, without visibilities: of shipped code, or of all code if the
    /// file holds tests alone.
    pub(crate) fn imports_and_uses(&self) -> (Vec<Named>, Vec<Named>) {
        let text = if is_test(&self.path) { &self.of_tests } else { &self.shipped };
        let mut tokens = tokens(text);
        for at in (2..tokens.len()).rev() {
            if [tokens[at - 2].text, tokens[at - 1].text, tokens[at].text] == ["pub", "(", "in"] {
                let end = tokens[at..].iter().take_while(|token| token.text != ")").count();
                tokens.drain(at..at + end);
            }
        }
        paths(&tokens)
    }
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

/// The paths of `use` lines, and all others.
fn paths(tokens: &[Token<'_>]) -> (Vec<Named>, Vec<Named>) {
    let (mut imports, mut others) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        let next = tokens.get(at + 1).map_or("", |token| token.text);
        if tokens[at].text == "use" && next != "<" {
            at += 1;
            import(tokens, &mut at, &[], &mut imports);
        } else if tokens[at].is_word() && next == "::" {
            expression(tokens, &mut at, &mut others);
        } else {
            at += 1;
        }
    }
    (imports, others)
}

/// One tree of a `use`, from `at` to the `,`, `}` or `;` behind it.
fn import(tokens: &[Token<'_>], at: &mut usize, prefix: &[String], found: &mut Vec<Named>) {
    let mut segments = prefix.to_vec();
    let line = tokens.get(*at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(*at) {
        match token.text {
            "::" => *at += 1,
            "{" => {
                while tokens.get(*at).is_some_and(|token| token.text == "{" || token.text == ",") {
                    *at += 1;
                    if tokens.get(*at).is_some_and(|token| token.text != "}") {
                        import(tokens, at, &segments, found);
                    }
                }
                *at += 1; // the closing brace
                return;
            }
            "as" => *at += 2,
            "*" => {
                segments.push("*".to_owned());
                *at += 1;
            }
            _ if token.is_word() => {
                segments.push(token.text.to_owned());
                *at += 1;
            }
            _ => break,
        }
    }
    found.push(Named { segments, line });
}

/// A path in an expression or a type, `at` its first word.
fn expression(tokens: &[Token<'_>], at: &mut usize, found: &mut Vec<Named>) {
    let line = tokens[*at].line;
    let mut segments = vec![tokens[*at].text.to_owned()];
    *at += 1;
    while tokens.get(*at).is_some_and(|token| token.text == "::") {
        *at += 1;
        match tokens.get(*at).filter(|token| token.is_word()) {
            Some(token) => segments.push(token.text.to_owned()),
            None => break,
        }
        *at += 1;
    }
    found.push(Named { segments, line });
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    for (index, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let len = if is_word_char(first) {
                rest.find(|c| !is_word_char(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            found.push(Token { text: &rest[..len], line: index + 1 });
            rest = rest[len..].trim_start();
        }
    }
    found
}

/// Everything but the line ends turned to spaces.
fn blank(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
}

fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let continues_word = code.ends_with(is_word_char);
        let (kept, dropped) = if rest.starts_with("//") {
            (0, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (0, block_comment_len(rest))
        } else if let Some(len) = raw_string_len(rest).filter(|_| !continues_word) {
            (0, len)
        } else if first == '"' {
            (0, quoted_len(rest, '"'))
        } else if first == '\'' && is_char_literal(rest) {
            (0, quoted_len(rest, '\''))
        } else {
            (first.len_utf8(), 0)
        };
        code.push_str(&rest[..kept]);
        code.push_str(&blank(&rest[kept..kept + dropped]));
        rest = &rest[kept + dropped..];
    }
    code
}

/// Block comments nest.
fn block_comment_len(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let (step, change) = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        (at, depth) = (at + step, depth + change);
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of `r"…"`, `r#"…"#`, with `b` or `c` before it; `None` if the text begins with none of them.
fn raw_string_len(text: &str) -> Option<usize> {
    let inner = text.strip_prefix(['b', 'c']).unwrap_or(text).strip_prefix('r')?;
    let hashes = inner.len() - inner.trim_start_matches('#').len();
    let body = inner[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let close = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(text.len() - body.len() + close)
}

/// The length of a literal in quotes, escapes respected.
fn quoted_len(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// `'x'` and `'\n'`, but not the lifetime `'x`.
fn is_char_literal(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => true,
        (Some(_), next) => next == Some('\''),
        _ => false,
    }
}

/// Turns every item under `#[cfg(test)]` to spaces, up to its `;` or the end of its braces.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut shipped = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        let item = start + MARK.len();
        let end = item + item_len(&rest[item..]);
        shipped.push_str(&rest[..start]);
        shipped.push_str(&blank(&rest[start..end]));
        rest = &rest[end..];
    }
    shipped + rest
}

fn item_len(code: &str) -> usize {
    let mut depth = 0_i32;
    for (at, c) in code.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 && (c == '}' || c == ';') {
            return at + 1;
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        Source::new("src/x/y.rs", text).paths().into_iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn imports_are_taken_apart() {
        let text = "use crate::{\n    core::{id::NodeId, time::*},\n    wire as w,\n};\npub use ::std::thread;\n";
        assert_eq!(
            paths(text),
            ["crate::core::id::NodeId", "crate::core::time::*", "crate::wire", "std::thread"].map(str::to_owned)
        );
        let lines: Vec<usize> = Source::new("src/x.rs", text).paths().iter().map(|path| path.line).collect();
        assert_eq!(lines, [2, 2, 3, 5]);
    }

    #[test]
    fn imports_end_where_they_end() {
        assert_eq!(
            paths("use a::{b, c,}; use d; fn f() -> impl T + use<'_> { e::g::<u8>() }"),
            ["a::b", "a::c", "d", "e::g"]
        );
    }

    #[test]
    fn expressions_and_types_are_seen() {
        assert_eq!(
            paths("fn f(a: crate::wire::Frames) { ::std::fs::read(b); <X as gossip::T>::g() }"),
            ["crate::wire::Frames", "std::fs::read", "gossip::T"]
        );
    }

    #[test]
    fn comments_strings_and_characters_are_no_code() {
        let text = "// a::b\n/* c::d /* e::f */ g::h */ i::j(\"k::l \\\" m::n\", r#\"o::p\"q::r\"#, b\"s::t\", '\"', '\\'');\nfn u<'a>(v: &'a w::X) {}";
        assert_eq!(paths(text), ["i::j", "w::X"]);
    }

    #[test]
    fn tests_are_not_shipped_but_what_follows_them_is() {
        let text = "#[cfg(test)]\nuse a::B;\n#[cfg(test)]\n#[rustfmt::skip]\nmod tests { fn f(x: [u8; 2]) { c::d() } }\nfn g() { e::f() }";
        assert_eq!(paths(text), ["e::f"]);
        assert_eq!(Source::new("src/x/tests.rs", "use a::B;").paths(), []);
    }

    #[test]
    fn files_are_modules() {
        for (path, module) in
            [("src/lib.rs", vec![]), ("src/clock.rs", vec!["clock"]), ("src/core/mod.rs", vec!["core"])]
        {
            assert_eq!(Source::new(path, "").module(), module);
        }
        assert_eq!(Source::new("src/core/relay/flood.rs", "").module(), ["core", "relay", "flood"]);
    }
}
