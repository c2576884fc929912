//! The words that give the same arguments again. They follow from what was parsed, so that no argument can be forgotten.

use clap::{Arg, ArgMatches, Command, FromArgMatches, parser::ValueSource};

/// Arguments of a command, with the words that were typed for them.
#[derive(Debug)]
pub struct Typed<T> {
    /// The arguments.
    pub args: T,
    /// By the id of an argument, in the order in which they were typed: its words.
    words: Vec<(String, Vec<String>)>,
}

impl<T> Typed<T> {
    /// The ids of the arguments that were typed.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|(id, _)| id.as_str())
    }

    /// The words of all arguments but those of these ids.
    pub fn words_without(&self, ids: &[&str]) -> Vec<String> {
        let meant = self.words.iter().filter(|(id, _)| !ids.contains(&id.as_str()));
        meant.flat_map(|(_, words)| words.iter().map(|word| quoted(word))).collect()
    }
}

impl<T: clap::Args> clap::Args for Typed<T> {
    fn group_id() -> Option<clap::Id> {
        T::group_id()
    }

    fn augment_args(command: Command) -> Command {
        T::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        T::augment_args_for_update(command)
    }
}

impl<T: clap::Args> FromArgMatches for Typed<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        let command = T::augment_args(Command::new("words"));
        let typed = command.get_arguments().filter_map(|arg| words(arg, matches));
        let mut typed: Vec<(usize, String, Vec<String>)> = typed.collect();
        typed.sort();
        let words = typed.into_iter().map(|(_, id, words)| (id, words)).collect();
        Ok(Self { args: T::from_arg_matches_mut(matches)?, words })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The place of an argument on the command line, its id and its words; `None` if it was not typed.
fn words(arg: &Arg, matches: &ArgMatches) -> Option<(usize, String, Vec<String>)> {
    let id = arg.get_id().as_str();
    if matches.value_source(id) != Some(ValueSource::CommandLine) {
        return None;
    }
    let place = matches.index_of(id)?;
    let name =
        arg.get_long().map(|long| format!("--{long}")).or_else(|| arg.get_short().map(|short| format!("-{short}")));
    let values = matches.get_raw(id).filter(|_| arg.get_action().takes_values()).into_iter().flatten();
    let values: Vec<String> = values.map(|value| value.to_string_lossy().into_owned()).collect();
    let words = match name {
        None => values,
        Some(name) if values.is_empty() => vec![name],
        Some(name) => values.into_iter().flat_map(|value| [name.clone(), value]).collect(),
    };
    Some((place, id.to_owned(), words))
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=%+@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, clap::Args)]
    struct Args {
        name: Option<String>,
        #[arg(short, long)]
        many: Vec<String>,
        #[arg(short)]
        flag: bool,
        #[arg(long, default_value_t = 7)]
        usual: u8,
    }

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Typed<Args>,
    }

    #[test]
    fn all_that_was_typed_is_given_again_in_its_order() {
        let read = |words: &[&str]| Line::parse_from([&["gossip"], words].concat()).args;
        let typed = read(&["-m", "a b", "it's", "-f", "--many=c"]);
        assert_eq!(typed.words_without(&[]), ["--many", "'a b'", "--many", "c", "'it'\\''s'", "-f"]);
        assert_eq!(typed.words_without(&["many", "name"]), ["-f"]);
        assert_eq!((typed.args.usual, read(&["--usual", "7"]).words_without(&[]).len()), (7, 2));
    }
}
