//! `sluicegate plugin new`.

use super::language::Language;
use super::template::{self, File};
use crate::cli::{Exit, complain, print};
use clap::Args;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// As the contract has it for the names of plugins.
const NAME_BYTES_MAX: usize = 64;

#[derive(Args)]
pub(super) struct NewArguments {
    /// The plugin's name: lower-case letters, digits and dashes, a letter first.
    #[arg(value_parser = name)]
    name: String,
    #[arg(long, value_enum)]
    lang: Language,
    /// Where the project is made [default: ./NAME].
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

fn name(text: &str) -> Result<String, String> {
    let sound = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && text.len() <= NAME_BYTES_MAX
        && !text.ends_with('-');
    match sound {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "use lower-case letters, digits and dashes, a letter first and no dash last, at most {NAME_BYTES_MAX}"
        )),
    }
}

pub(super) fn run(arguments: &NewArguments) -> Exit {
    let NewArguments { name, lang, into } = arguments;
    let directory = into.clone().unwrap_or_else(|| PathBuf::from(name));
    if fs::read_dir(&directory).is_ok_and(|mut entries| entries.next().is_some()) || directory.is_file() {
        complain(format_args!(
            "{} is there already and not empty; name another directory by --into",
            directory.display()
        ));
        return Exit::Usage;
    }
    for file in template::files(*lang) {
        if let Err(error) = write(&directory, &file, name) {
            let path = directory.join(file.path);
            complain(format_args!(
                "{} cannot be written ({error}); name a directory of yours by --into",
                path.display()
            ));
            return Exit::Usage;
        }
    }
    let shown = directory.display();
    let tools = lang.tools().map_or(String::new(), |tools| format!("\n  {tools}"));
    let text = format!(
        "{shown} is a plugin in {}: its README.md says what it needs. Next:\n\n  cd {shown}{tools}\n  sluicegate plugin build\n  \
         sluicegate plugin test {name}.wasm --records records.ndjson",
        lang.title()
    );
    print(text).err().unwrap_or(Exit::Well)
}

fn write(directory: &Path, file: &File, name: &str) -> std::io::Result<()> {
    let path = directory.join(file.path.replace("my_plugin", &name.replace('-', "_")));
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    // Never over anything: the directory was empty.
    let mut made = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    made.write_all(template::named(file.text, name).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_the_gateway_takes() {
        for good in ["a", "web-orders", "x9"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for wrong in ["", "9a", "A", "a_b", "a b", "-a", "a-", "ä", &"a".repeat(65)] {
            assert_eq!(
                name(wrong).unwrap_err(),
                "use lower-case letters, digits and dashes, a letter first and no dash last, at most 64"
            );
        }
    }
}
