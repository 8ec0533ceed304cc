use super::Problems;
use crate::plugin::PluginConfig;
use crate::plugin::draft::Draft;
use std::collections::{BTreeMap, BTreeSet};

/// Each instance may ask for all of them; a plugin of more is not one that people can configure.
const SETTINGS_MAX: usize = 64;
/// A key of the configuration.
const KEY_BYTES_MAX: usize = 64;
/// As for secrets from files: a token or a key, not a file of data.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// What the operator gave and the defaults of the rest, and what is wrong with either.
pub(super) fn resolve(
    draft: &Draft,
    operator: &PluginConfig,
    problems: &mut Problems,
) -> BTreeMap<String, String> {
    problems.at_most("settings", draft.settings.len(), SETTINGS_MAX);
    let plugin = &draft.name;
    let (mut settings, mut keys) = (BTreeMap::new(), BTreeSet::new());
    for setting in &draft.settings {
        let key = &setting.key;
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.bytes().all(sound) {
            problems.note(format!("setting {key:?}: name it by letters, digits, '_', '.' and '-'"));
        } else if !keys.insert(key.as_str()) {
            problems.note(format!("setting '{key}' is there twice; declare it once"));
        }
        match operator.settings.get(key).or(setting.default.as_ref()) {
            Some(value) => {
                problems.no_longer(&format!("setting '{key}'"), value, VALUE_BYTES_MAX);
                settings.insert(key.clone(), value.clone());
            }
            None => problems.note(format!(
                "setting '{key}' has no default and is not given; set it in [plugin.{plugin}.settings]"
            )),
        }
    }
    for key in operator.settings.keys().filter(|key| !keys.contains(key.as_str())) {
        let known: Vec<&str> = keys.iter().copied().collect();
        let known =
            if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
        problems
            .note(format!("[plugin.{plugin}.settings] gives '{key}', which is no setting of it; {known}"));
    }
    settings
}
