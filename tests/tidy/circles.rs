//! Rule: no circle of files. A file imports another if it names a path into it, in a `use` or in its code; what a table of
//! contents (`mod.rs`, `lib.rs`) lists or exports draws no arrow of its own, and a path through it leads to the file behind it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::source::{Named, Source};

/// Files by crate and module path.
struct Tree<'a> {
    sources: &'a [Source],
    /// The folders of crates.
    roots: BTreeSet<&'a str>,
    files: BTreeMap<(&'a str, Vec<&'a str>), usize>,
}

/// A place that a path leads to: a file, and the line of the file that names it.
type Arrows = BTreeMap<usize, BTreeMap<usize, usize>>;

/// Circles among the given files; each is named once, by a shortest way around.
pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    let tree = Tree::new(sources);
    let arrows: Arrows = (0..sources.len()).map(|file| (file, tree.arrows(file))).collect();
    let mut complaints = Vec::new();
    let mut told = BTreeSet::new();
    for file in 0..sources.len() {
        let Some(circle) = circle(&arrows, file).filter(|circle| circle.iter().all(|file| !told.contains(file))) else {
            continue;
        };
        let names: Vec<_> = circle.iter().chain([&file]).map(|&file| sources[file].path.as_str()).collect();
        let line = arrows[&file][circle.get(1).unwrap_or(&file)];
        complaints.push(sources[file].complain(line, &format!("a circle of files: {}", names.join(" → "))));
        told.extend(circle);
    }
    complaints
}

/// A shortest way from a file back to itself, the file first.
fn circle(arrows: &Arrows, start: usize) -> Option<Vec<usize>> {
    let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for &next in arrows[&file].keys() {
            if next == start {
                let back = std::iter::successors(Some(file), |file| came_from.get(file).copied());
                let mut way: Vec<_> = back.collect();
                way.reverse();
                return Some(way);
            }
            came_from.entry(next).or_insert_with(|| {
                queue.push_back(next);
                file
            });
        }
    }
    None
}

impl<'a> Tree<'a> {
    fn new(sources: &'a [Source]) -> Self {
        let roots: BTreeSet<&str> = sources.iter().filter_map(|source| crate_root(&source.path)).collect();
        let mut files: BTreeMap<_, _> =
            sources.iter().enumerate().map(|(file, source)| (place(&roots, &source.path), file)).collect();
        for source in sources {
            let (root, module) = place(&roots, &source.path);
            for (name, path) in elsewhere(source) {
                if let Some(file) = sources.iter().position(|source| source.path == path) {
                    files.insert((root, [&module[..], &[name]].concat()), file);
                }
            }
        }
        Self { sources, roots, files }
    }

    fn arrows(&self, file: usize) -> BTreeMap<usize, usize> {
        let source = &self.sources[file];
        if is_contents(source) {
            return BTreeMap::new();
        }
        let (root, module) = place(&self.roots, &source.path);
        let (used, others) = source.imports_and_uses();
        let imports = by_name(&used);
        let mut arrows = BTreeMap::new();
        for path in used.iter().chain(&others) {
            let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
            let target = self.resolve(root, &module, &segments, &imports, 8);
            if let Some(target) = target.filter(|target| *target != file) {
                arrows.entry(target).or_insert(path.line);
            }
        }
        arrows
    }

    /// The file that a path written in `module` leads to; `None` for other crates and mere folders.
    fn resolve(
        &self,
        root: &str,
        module: &[&str],
        path: &[&str],
        imports: &BTreeMap<String, Named>,
        depth: usize,
    ) -> Option<usize> {
        let (first, mut rest) = path.split_first()?;
        let mut at: Vec<&str> = match *first {
            "crate" => Vec::new(),
            "gossip" if root == "src" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module[..module.len().saturating_sub(1)].to_vec(),
            name if self.files.contains_key(&(root, [module, &[name]].concat())) => {
                rest = path;
                module.to_vec()
            }
            name => {
                // A name that a `use` of this file has brought in.
                let import = imports.get(name).filter(|import| depth > 0 && import.segments.len() > 1)?;
                let full: Vec<&str> = import.segments.iter().map(String::as_str).chain(rest.iter().copied()).collect();
                return self.resolve(root, module, &full, &BTreeMap::new(), depth - 1);
            }
        };
        while let Some((&"super", behind)) = rest.split_first() {
            at.pop();
            rest = behind;
        }
        while let Some((&name, behind)) = rest.split_first() {
            if !self.files.contains_key(&(root, [&at[..], &[name]].concat())) {
                break;
            }
            at.push(name);
            rest = behind;
        }
        let file = *self.files.get(&(root, at.clone()))?;
        if !is_contents(&self.sources[file]) {
            return Some(file);
        }
        let exported = depth.checked_sub(1).zip(rest.first());
        exported.and_then(|(depth, &name)| self.exported(root, &at, file, name, depth))
    }

    /// The file behind a name that a table of contents exports.
    fn exported(&self, root: &str, module: &[&str], contents: usize, name: &str, depth: usize) -> Option<usize> {
        let (imports, _) = self.sources[contents].imports_and_uses();
        let imports = by_name(&imports);
        let segments: Vec<&str> = imports.get(name)?.segments.iter().map(String::as_str).collect();
        self.resolve(root, module, &segments, &BTreeMap::new(), depth)
    }
}

/// Imports by the name that they bring in.
fn by_name(imports: &[Named]) -> BTreeMap<String, Named> {
    let named = imports.iter().cloned().filter_map(|mut path| {
        if path.segments.last().is_some_and(|last| last == "self") {
            path.segments.pop();
        }
        Some((path.segments.last()?.clone(), path))
    });
    named.collect()
}

/// Modules of a file that lie where an attribute says: their names, and the paths of their files.
fn elsewhere(source: &Source) -> impl Iterator<Item = (&str, String)> {
    let lines = source.text.lines().zip(source.text.lines().skip(1));
    lines.filter_map(|(attribute, declaration)| {
        let mut path = attribute.trim().strip_prefix("#[path = \"")?.strip_suffix("\"]")?;
        let name = declaration.split_whitespace().last()?.strip_suffix(';')?;
        let mut folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        while let Some(rest) = path.strip_prefix("../") {
            (path, folder) = (rest, folder.rsplit_once('/').map_or("", |(above, _)| above));
        }
        Some((name, format!("{folder}/{path}").trim_start_matches('/').to_owned()))
    })
}

fn is_contents(source: &Source) -> bool {
    source.path.ends_with("/mod.rs") || source.path.ends_with("/lib.rs")
}

/// The folder of a crate, if the file is its root.
fn crate_root(path: &str) -> Option<&str> {
    path.strip_suffix("/main.rs").or_else(|| path.strip_suffix("/lib.rs"))
}

/// The crate that a file belongs to, and its module in it.
fn place<'a>(roots: &BTreeSet<&'a str>, path: &'a str) -> (&'a str, Vec<&'a str>) {
    let is_above = |root: &&&str| path.strip_prefix(**root).is_some_and(|rest| rest.starts_with('/'));
    let root = roots.iter().filter(is_above).max_by_key(|root| root.len()).copied().unwrap_or_default();
    let inner = path[root.len()..].trim_start_matches('/');
    let inner = inner.strip_suffix(".rs").unwrap_or(inner);
    (root, inner.split('/').filter(|part| !["lib", "main", "mod"].contains(part)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let root = ("src/lib.rs", "pub mod a; pub mod b; pub mod c; pub mod r;");
        let sources: Vec<_> = files.iter().chain([&root]).map(|(path, text)| Source::new(path, text)).collect();
        check(&sources)
    }

    #[test]
    fn a_circle_is_named_with_all_its_files() {
        let files = [
            ("src/a.rs", "\nuse crate::b::B;"),
            ("src/b.rs", "fn f() { crate::c::g() }"),
            ("src/c.rs", "use super::a;"),
        ];
        assert_eq!(complaints(&files), ["src/a.rs:2: a circle of files: src/a.rs → src/b.rs → src/c.rs → src/a.rs"]);
        assert_eq!(complaints(&files[..2]), [""; 0]);
    }

    #[test]
    fn a_file_and_the_files_below_it_count_as_any_two() {
        let child = ("src/a/leaf.rs", "use super::A;");
        assert_eq!(complaints(&[("src/a.rs", "mod leaf; struct A;"), child]), [""; 0]);
        assert_eq!(complaints(&[("src/a.rs", "mod leaf; use leaf::B; struct A;"), child]).len(), 1);
        assert_eq!(complaints(&[("src/a.rs", "mod leaf; fn f() { leaf::g() }"), child]).len(), 1);
    }

    #[test]
    fn a_table_of_contents_is_looked_through() {
        let table = ("src/r/mod.rs", "mod x; mod y; pub use x::X; pub use self::y::Y;");
        let (x, y) = (("src/r/x.rs", "use crate::r::Y;"), ("src/r/y.rs", "use super::X;"));
        assert_eq!(complaints(&[table, x, y]).len(), 1);
        assert_eq!(complaints(&[table, x, ("src/r/y.rs", "pub(in crate::r) fn f() {}")]), [""; 0]);
        assert_eq!(complaints(&[table, ("src/r/x.rs", "use crate::r; fn f(y: r::Y) {}"), y]).len(), 1);
    }

    #[test]
    fn tests_of_a_file_close_no_circle_but_test_files_may() {
        let tested = ("src/a.rs", "#[cfg(test)]\nmod tests { use crate::b::B; }");
        assert_eq!(complaints(&[tested, ("src/b.rs", "use crate::a::A;")]), [""; 0]);
        let main = ("tests/t/main.rs", "mod x; mod y;");
        let circle = [main, ("tests/t/x.rs", "use crate::y::Y;"), ("tests/t/y.rs", "use crate::x::X;")];
        assert_eq!(complaints(&circle).len(), 1);
        assert_eq!(complaints(&circle[..2]), [""; 0]);
    }

    #[test]
    fn a_module_may_lie_elsewhere() {
        let main = ("tests/t/main.rs", "#[path = \"../../fuzz/f.rs\"]\nmod f;\nmod x;\nfn g() { x::h() }");
        assert_eq!(complaints(&[main, ("fuzz/f.rs", ""), ("tests/t/x.rs", "use crate::f::F;")]), [""; 0]);
        assert_eq!(complaints(&[main, ("fuzz/f.rs", ""), ("tests/t/x.rs", "use crate::F;")]).len(), 1);
    }
}
