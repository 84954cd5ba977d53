//! Whether two builds of this interface understand each other, and what the interface looks like.
//!
//! abi_stable's own check accepts only a library whose interface is at least as new as the host's.
//! Here the host accepts a library when **either** side's layout is a prefix of the other's, each
//! time with fresh checking globals: the process-wide ones would keep pointers into the library and
//! dangle after an unload. For the same reason `load_from` and `init_root_module` are not used.

use crate::PluginRoot_Ref;
use abi_stable::{
    StableAbi,
    abi_stability::abi_checking::{
        AbiInstability, AbiInstabilityErrors, CheckingGlobals,
        check_layout_compatibility_with_globals,
    },
    library::{AbiHeaderRef, LibraryError, ROOT_MODULE_LOADER_NAME},
    type_layout::{TLData, TLField, TLFieldOrFunction, TypeLayout},
};
use std::{collections::BTreeSet, fmt::Write};

/// The symbol every plugin library exports.
pub const ROOT_SYMBOL: &str = ROOT_MODULE_LOADER_NAME;

/// What [`ROOT_SYMBOL`] points at.
pub type RootHeader = AbiHeaderRef;

/// Why a library's interface does not fit. Holds nothing that points into the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incompatible {
    /// The library was built against another line of abi_stable.
    Foundation {
        /// The line of this build.
        host: String,
        /// The line of the library.
        plugin: String,
    },
    /// Another major version of this interface.
    Major {
        /// The version of this build.
        host: String,
        /// The version of the library.
        plugin: String,
    },
    /// Neither layout is a prefix of the other: the first few differences, each with its place.
    Layout(Vec<String>),
    /// The library carries no layout, or its root module failed to start.
    Root(String),
}

/// Checks a library's interface in both directions and returns its root module.
///
/// Runs code of the library, so call it on a thread that ends before the library is closed.
///
/// # Safety
///
/// `header` must be the value of [`ROOT_SYMBOL`] in a library that stays mapped as long as the
/// returned reference, and everything made from it, is used.
pub unsafe fn accept(header: RootHeader) -> Result<PluginRoot_Ref, Incompatible> {
    let host = abi_stable::library::AbiHeader::VALUE;
    let line = |header: &abi_stable::library::AbiHeader| {
        format!("abi_stable {}.{}", header.abi_major, header.abi_minor)
    };
    if !header.is_valid() {
        return Err(Incompatible::Foundation { host: line(&host), plugin: line(&header) });
    }
    let library = header.upgrade().map_err(|error| Incompatible::Root(first_line(&error)))?;
    let theirs = library
        .layout()
        .ok_or_else(|| Incompatible::Root("the library was exported without its layout".into()))?;
    let ours = <PluginRoot_Ref as StableAbi>::LAYOUT;
    let (host, plugin) = (env!("CARGO_PKG_VERSION"), version_text(library));
    if major_of(host) != major_of(&plugin) {
        return Err(Incompatible::Major { host: host.into(), plugin });
    }
    if let Err(forward) = compare(ours, theirs) {
        compare(theirs, ours).map_err(|_| Incompatible::Layout(differences(&forward)))?;
    }
    // SAFETY: one of the two layouts was just found to be a prefix of the other, field by field, and
    // fields beyond the shorter one are read as `None` or answered by default bodies. The caller
    // keeps the library mapped.
    unsafe { library.init_root_module_with_unchecked_layout::<PluginRoot_Ref>() }
        .map_err(|error| Incompatible::Root(first_line(&error)))
}

fn compare(
    interface: &'static TypeLayout,
    implementation: &'static TypeLayout,
) -> Result<(), AbiInstabilityErrors> {
    check_layout_compatibility_with_globals(interface, implementation, &CheckingGlobals::new())
}

fn version_text(library: &abi_stable::library::LibHeader) -> String {
    library.version_strings().version.as_str().to_owned()
}

fn major_of(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

fn first_line(error: &LibraryError) -> String {
    error.to_string().lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("").to_owned()
}

/// The most differences a refusal shows.
const MOST_DIFFERENCES: usize = 4;

/// The first few differences: the type, where the root module leads to it, and what differs.
fn differences(errors: &AbiInstabilityErrors) -> Vec<String> {
    let mut lines = Vec::new();
    for error in &errors.errors {
        let mut owner = errors.interface;
        let mut path = Vec::new();
        for step in &error.stack_trace {
            match &step.expected {
                TLFieldOrFunction::Field(field) => {
                    owner = field.layout();
                    path.push(field.name());
                }
                TLFieldOrFunction::Function(function) => path.push(function.name.as_str()),
            }
        }
        for what in &error.errs {
            lines.push(format!("`{}` at {}: {}", owner.name(), path.join("."), difference(what)));
        }
    }
    lines.truncate(MOST_DIFFERENCES);
    lines
}

/// One difference in words, the host's side first.
fn difference(what: &AbiInstability) -> String {
    match what {
        AbiInstability::FieldCountMismatch(sides) => {
            format!("the host has {} fields, the plugin {}", sides.expected, sides.found)
        }
        AbiInstability::UnexpectedField(sides) => format!(
            "the host has the field `{}` where the plugin has `{}`",
            sides.expected.name(),
            sides.found.name()
        ),
        AbiInstability::Size(sides) => {
            format!("{} bytes in the host, {} in the plugin", sides.expected, sides.found)
        }
        AbiInstability::Name(sides) => {
            format!("the host has `{}`, the plugin `{}`", sides.expected, sides.found)
        }
        other => {
            let text = format!("{other:?}").split_whitespace().collect::<Vec<_>>().join(" ");
            text.chars().take(160).collect()
        }
    }
}

/// Renders every type that crosses the boundary, one block each, in a stable order.
///
/// The text is committed as `layout.snap`; a test compares the two and fails on any change that is
/// not an allowed addition (see [`additions_only`]).
pub fn snapshot() -> String {
    let mut blocks = BTreeSet::new();
    let mut seen = BTreeSet::new();
    render(<PluginRoot_Ref as StableAbi>::LAYOUT, &mut seen, &mut blocks);
    blocks.into_iter().collect::<Vec<_>>().join("\n")
}

fn render(
    layout: &'static TypeLayout,
    seen: &mut BTreeSet<*const TypeLayout>,
    blocks: &mut BTreeSet<String>,
) {
    if !seen.insert(layout) {
        return;
    }
    let name = type_name(layout);
    let mut text = String::new();
    let data = layout.data();
    let (kind, fields) = match &data {
        TLData::Struct { fields } => ("struct", Some(*fields)),
        TLData::Union { fields } => ("union", Some(*fields)),
        TLData::Enum(shape) => ("enum", Some(shape.fields)),
        TLData::PrefixType(prefix) => ("prefix", Some(prefix.fields)),
        TLData::Primitive(_) => ("primitive", None),
        TLData::Opaque => ("opaque", None),
    };
    // A prefix type's size grows with every added field, so it is no part of the promise.
    if kind == "prefix" {
        let _ = writeln!(text, "{kind} {name} align {}", layout.alignment());
    } else {
        let _ = writeln!(text, "{kind} {name} size {} align {}", layout.size(), layout.alignment());
    }
    let phantom = layout.phantom_fields();
    for field in fields.iter().flat_map(|fields| fields.iter()).chain(phantom.iter()) {
        describe(&field, &mut text);
        render(field.layout(), seen, blocks);
        for function in field.function_range().iter() {
            for parameter in function.param_type_layouts.iter() {
                render(parameter(), seen, blocks);
            }
            if let Some(answer) = function.return_type_layout() {
                render(answer(), seen, blocks);
            }
        }
    }
    blocks.insert(text);
}

fn describe(field: &TLField, text: &mut String) {
    if !field.is_function() {
        let _ = writeln!(text, "    {}: {}", field.name(), type_name(field.layout()));
    }
    for function in field.function_range().iter() {
        let parameters = function.param_type_layouts.iter().map(|parameter| type_name(parameter()));
        let parameters = parameters.collect::<Vec<_>>().join(", ");
        let answer =
            function.return_type_layout().map_or("()".into(), |answer| type_name(answer()));
        let _ = writeln!(text, "    {}: fn({parameters}) -> {answer}", field.name());
    }
}

/// The name with its module, where the module tells types of one name apart, and its parameters.
fn type_name(layout: &'static TypeLayout) -> String {
    let module = layout.mod_path().to_string();
    let name = match (layout.package().as_str(), module.rsplit("::").next()) {
        ("loader-abi", Some(module)) if module != "<standard_library>" => {
            format!("{module}::{}", layout.name())
        }
        _ => layout.name().to_owned(),
    };
    let parameters = layout.generics().type_params().iter().map(|parameter| type_name(parameter()));
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    if parameters.is_empty() { name } else { format!("{name}<{parameters}>") }
}

/// Whether `new` differs from `old` only by what the evolution rules allow: fields appended to
/// prefix types, and types that did not exist before. Returns the first forbidden change.
pub fn additions_only(old: &str, new: &str) -> Result<(), String> {
    let blocks = |text: &str| -> Vec<(String, Vec<String>)> {
        let mut blocks: Vec<(String, Vec<String>)> = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match (line.starts_with(' '), blocks.last_mut()) {
                (true, Some((_, fields))) => fields.push(line.trim().to_owned()),
                _ => blocks.push((line.to_owned(), Vec::new())),
            }
        }
        blocks
    };
    let new = blocks(new);
    for (head, fields) in blocks(old) {
        let candidates = || new.iter().filter(|(other, _)| *other == head);
        if candidates().next().is_none() {
            return Err(format!("`{head}` is gone or changed its size"));
        }
        let grows = head.starts_with("prefix ");
        let kept = |(_, now): &(String, Vec<String>)| {
            if grows { now.starts_with(&fields) } else { *now == fields }
        };
        if !candidates().any(kept) {
            return Err(format!("`{head}` has other fields than before"));
        }
    }
    Ok(())
}
