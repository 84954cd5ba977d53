//! The files of a new plugin. `templates/` holds them as they are; what differs stands in `{{…}}`.

use loader_core::manifest::Platform;

use super::name::Name;
use super::sdk::Sdk;
use crate::args::Kind;

/// One file of a new plugin.
pub(super) struct File {
    /// Its path in the plugin's folder.
    pub(super) path: &'static str,
    /// What is in it.
    pub(super) text: String,
}

/// A file as the templates have it: its path in the plugin's folder, and its text.
type Template = (&'static str, &'static str);

/// What every plugin has.
const COMMON: &[Template] = &[
    (".gitignore", include_str!("templates/gitignore")),
    ("Cargo.toml", include_str!("templates/package.toml")),
];

const PROVIDER: &[Template] = &[
    ("README.md", include_str!("templates/provider/README.md")),
    ("config.schema.json", include_str!("templates/provider/config.schema.json")),
    ("plugin.toml", include_str!("templates/provider/plugin.toml")),
    ("src/lib.rs", include_str!("templates/provider/lib.rs")),
    ("src/tests.rs", include_str!("templates/provider/tests.rs")),
];

const CHANNEL: &[Template] = &[
    ("README.md", include_str!("templates/channel/README.md")),
    ("account.schema.json", include_str!("templates/channel/account.schema.json")),
    ("plugin.toml", include_str!("templates/channel/plugin.toml")),
    ("src/account.rs", include_str!("templates/channel/account.rs")),
    ("src/lib.rs", include_str!("templates/channel/lib.rs")),
    ("src/tests.rs", include_str!("templates/channel/tests.rs")),
];

const ROUTE: &[Template] = &[
    ("README.md", include_str!("templates/route/README.md")),
    ("config.schema.json", include_str!("templates/route/config.schema.json")),
    ("plugin.toml", include_str!("templates/route/plugin.toml")),
    ("src/lib.rs", include_str!("templates/route/lib.rs")),
    ("src/tests.rs", include_str!("templates/route/tests.rs")),
];

const SPEECH: &[Template] = &[
    ("README.md", include_str!("templates/speech/README.md")),
    ("plugin.toml", include_str!("templates/speech/plugin.toml")),
    ("src/lib.rs", include_str!("templates/speech/lib.rs")),
    ("src/morse.rs", include_str!("templates/speech/morse.rs")),
    ("src/tests.rs", include_str!("templates/speech/tests.rs")),
];

const TOOL: &[Template] = &[
    ("README.md", include_str!("templates/tool/README.md")),
    ("plugin.toml", include_str!("templates/tool/plugin.toml")),
    ("src/lib.rs", include_str!("templates/tool/lib.rs")),
    ("src/tests.rs", include_str!("templates/tool/tests.rs")),
];

const HOOK: &[Template] = &[
    ("README.md", include_str!("templates/hook/README.md")),
    ("plugin.toml", include_str!("templates/hook/plugin.toml")),
    ("src/lib.rs", include_str!("templates/hook/lib.rs")),
    ("src/tests.rs", include_str!("templates/hook/tests.rs")),
];

const SERVICE: &[Template] = &[
    ("README.md", include_str!("templates/service/README.md")),
    ("plugin.toml", include_str!("templates/service/plugin.toml")),
    ("src/lib.rs", include_str!("templates/service/lib.rs")),
    ("src/tests.rs", include_str!("templates/service/tests.rs")),
];

const TASK: &[Template] = &[
    ("README.md", include_str!("templates/task/README.md")),
    ("plugin.toml", include_str!("templates/task/plugin.toml")),
    ("src/lib.rs", include_str!("templates/task/lib.rs")),
    ("src/tests.rs", include_str!("templates/task/tests.rs")),
];

const COMMAND: &[Template] = &[
    ("README.md", include_str!("templates/command/README.md")),
    ("plugin.toml", include_str!("templates/command/plugin.toml")),
    ("src/lib.rs", include_str!("templates/command/lib.rs")),
    ("src/tests.rs", include_str!("templates/command/tests.rs")),
];

const CHAT_COMMAND: &[Template] = &[
    ("README.md", include_str!("templates/chat-command/README.md")),
    ("plugin.toml", include_str!("templates/chat-command/plugin.toml")),
    ("src/lib.rs", include_str!("templates/chat-command/lib.rs")),
    ("src/tests.rs", include_str!("templates/chat-command/tests.rs")),
];

const HEALTH: &[Template] = &[
    ("README.md", include_str!("templates/health/README.md")),
    ("plugin.toml", include_str!("templates/health/plugin.toml")),
    ("src/lib.rs", include_str!("templates/health/lib.rs")),
    ("src/tests.rs", include_str!("templates/health/tests.rs")),
];

const WEB_FETCH: &[Template] = &[
    ("README.md", include_str!("templates/web-fetch/README.md")),
    ("plugin.toml", include_str!("templates/web-fetch/plugin.toml")),
    ("src/lib.rs", include_str!("templates/web-fetch/lib.rs")),
    ("src/tests.rs", include_str!("templates/web-fetch/tests.rs")),
];

/// The files of a plugin of this kind.
pub(super) fn files(kind: Kind, name: &Name, sdk: &Sdk) -> Vec<File> {
    let own = match kind {
        Kind::Provider => PROVIDER,
        Kind::Channel => CHANNEL,
        Kind::Route => ROUTE,
        Kind::Speech => SPEECH,
        Kind::Tool => TOOL,
        Kind::Hook => HOOK,
        Kind::Service => SERVICE,
        Kind::Task => TASK,
        Kind::Command => COMMAND,
        Kind::ChatCommand => CHAT_COMMAND,
        Kind::Health => HEALTH,
        Kind::WebFetch => WEB_FETCH,
    };
    let values = [
        ("{{name}}", name.as_str().to_owned()),
        ("{{library}}", name.library()),
        ("{{platform}}", Platform::current().map_or("path", Platform::key).to_owned()),
        ("{{sdk}}", sdk.dependency()),
    ];
    let fill = |text: &str| {
        values.iter().fold(text.to_owned(), |text, (mark, value)| text.replace(mark, value))
    };
    let files = COMMON.iter().chain(own);
    files.map(|(path, text)| File { path, text: fill(text) }).collect()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use loader_core::manifest::Manifest;
    use proptest::prelude::*;
    use std::path::Path;

    use super::*;

    proptest! {
        #[test]
        fn whatever_the_name_the_files_fit_together(name in "[a-z][a-z0-9_-]{0,63}") {
            let sdk = Sdk::Version("0.1".into());
            for kind in Kind::value_variants() {
                // The few words that mean something else.
                let near = super::super::name::near(&name, *kind);
                let name = Name::read(&near, *kind).expect("it can be used");
                let files = files(*kind, &name, &sdk);
                let text = |path| &files.iter().find(|file| file.path == path).expect(path).text;
                let parsed = Manifest::parse(Path::new("plugin.toml"), text("plugin.toml"));
                prop_assert_eq!(&parsed.diagnostics, &[]);
                let manifest = parsed.manifest.expect("there is no error");
                prop_assert_eq!(&manifest.id, name.as_str());
                let package: toml::Table = text("Cargo.toml").parse().expect("TOML");
                prop_assert_eq!(package["package"]["name"].as_str(), Some(name.as_str()));
                let version = manifest.version.to_string();
                prop_assert_eq!(package["package"]["version"].as_str(), Some(version.as_str()));
                for file in &files {
                    prop_assert!(!file.text.contains("{{"), "{}", file.path);
                }
            }
        }
    }
}
