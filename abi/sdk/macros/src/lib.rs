//! `#[config]` makes a struct a plugin's typed configuration, `#[state]` its state, `#[arguments]` what
//! one of its tools takes.
//!
//! They only put derives in front of the item, so they need no parser and no dependency.

use proc_macro::{TokenStream, TokenTree};

/// Derives what a plugin's configuration needs: reading it, its JSON Schema, and strictness.
///
/// The struct must implement `Default`: keys that are missing take the default's values. Keys the
/// struct does not have are an error that names them. Doc comments become the schema's
/// descriptions.
#[proc_macro_attribute]
pub fn config(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if !arguments.is_empty() {
        return "compile_error!(\"`#[config]` takes no arguments\");".parse().expect("valid Rust");
    }
    let attributes = "\
        #[derive(::core::fmt::Debug, ::core::clone::Clone)]\
        #[derive(::loader_sdk::serde::Serialize, ::loader_sdk::serde::Deserialize)]\
        #[derive(::loader_sdk::schemars::JsonSchema)]\
        #[serde(crate = \"::loader_sdk::serde\", default, deny_unknown_fields)]\
        #[schemars(crate = \"::loader_sdk::schemars\")]";
    let mut out: TokenStream = attributes.parse().expect("valid Rust");
    out.extend(item);
    out
}

/// Derives what the arguments of a tool need: reading them, their JSON Schema, and strictness.
///
/// Fields without `Option` and without `#[serde(default)]` are required. Doc comments become the
/// schema's descriptions, which is what a model goes by.
#[proc_macro_attribute]
pub fn arguments(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if !arguments.is_empty() {
        let complaint = "compile_error!(\"`#[arguments]` takes no arguments\");";
        return complaint.parse().expect("valid Rust");
    }
    let attributes = "\
        #[derive(::core::fmt::Debug, ::core::clone::Clone)]\
        #[derive(::loader_sdk::serde::Serialize, ::loader_sdk::serde::Deserialize)]\
        #[derive(::loader_sdk::schemars::JsonSchema)]\
        #[serde(crate = \"::loader_sdk::serde\", deny_unknown_fields)]\
        #[schemars(crate = \"::loader_sdk::schemars\")]";
    let mut out: TokenStream = attributes.parse().expect("valid Rust");
    out.extend(item);
    out
}

/// Derives what a plugin's state needs: reading and writing it, its JSON Schema, its version.
///
/// `#[state(version = 1)]` for the first version, `#[state(version = 2, from = CountersV1)]` for every
/// later one, with `impl From<CountersV1>` for the struct. Every field is part of the layout that the
/// host compares; generic types have none.
#[proc_macro_attribute]
pub fn state(arguments: TokenStream, item: TokenStream) -> TokenStream {
    match state_of(arguments, &item) {
        Ok(out) => {
            let mut out: TokenStream = out.parse().expect("valid Rust");
            out.extend(item);
            out
        }
        Err(complaint) => format!("compile_error!({complaint:?});").parse().expect("valid Rust"),
    }
}

const USAGE: &str =
    "write `#[state(version = 1)]`, or `#[state(version = 2, from = TheTypeBefore)]`";

fn state_of(arguments: TokenStream, item: &TokenStream) -> Result<String, &'static str> {
    let text = arguments.to_string();
    let (version, before) = match text.split_once(',') {
        Some((version, before)) if !before.trim().is_empty() => (version, Some(before.trim())),
        Some((version, _)) => (version, None),
        None => (text.as_str(), None),
    };
    let version = value_of(version, "version").ok_or(USAGE)?;
    let version: u32 = version.parse().map_err(|_| USAGE)?;
    let before = match before {
        None => None,
        Some(before) => Some(value_of(before, "from").ok_or(USAGE)?),
    };
    let name = name_of(item).ok_or("a state is a struct or an enum without generics")?;
    // Or its states would lead to each other in a circle.
    let rises = before.map_or_else(String::new, |before| {
        format!(
            "const _: () = ::core::assert!(\
                <{before} as ::loader_sdk::State>::VERSION < {version},\
                \"the version of a state is higher than that of the state it comes from\"\
            );"
        )
    });
    let before = before.unwrap_or(&name);
    Ok(format!(
        "{rises}\
        impl ::loader_sdk::State for {name} {{\
            const VERSION: u32 = {version};\
            type Before = {before};\
        }}\
        #[derive(::core::fmt::Debug, ::core::clone::Clone)]\
        #[derive(::loader_sdk::serde::Serialize, ::loader_sdk::serde::Deserialize)]\
        #[derive(::loader_sdk::schemars::JsonSchema)]\
        #[serde(crate = \"::loader_sdk::serde\")]\
        #[schemars(crate = \"::loader_sdk::schemars\")]"
    ))
}

fn value_of<'a>(argument: &'a str, key: &str) -> Option<&'a str> {
    let (found, value) = argument.split_once('=')?;
    (found.trim() == key).then_some(value.trim())
}

/// The name of a struct or an enum.
fn name_of(item: &TokenStream) -> Option<String> {
    let mut tokens = item.clone().into_iter();
    tokens.find(|token| {
        matches!(token, TokenTree::Ident(ident) if matches!(ident.to_string().as_str(), "struct" | "enum"))
    })?;
    let name = tokens.next()?.to_string();
    match tokens.next() {
        Some(TokenTree::Punct(punct)) if punct.as_char() == '<' => None,
        _ => Some(name),
    }
}
