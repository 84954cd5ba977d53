//! `#[config]`: makes a struct a plugin's typed configuration.
//!
//! It only puts derives in front of the item, so it needs no parser and no dependency.

use proc_macro::TokenStream;

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
