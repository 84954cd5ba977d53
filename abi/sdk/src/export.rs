//! `export_plugin!`: the root module, the metadata section, the allocator.

#[doc(hidden)]
pub use crate::adapter::create;
#[doc(hidden)]
pub use loader_abi::{
    CreateResult, HostBox, PluginRoot, PluginRoot_Ref,
    abi_stable::{
        library::{__call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult},
        prefix_type::{PrefixTypeTrait, WithMetadata},
        std_types::{RResult, RSlice, RStr},
    },
    facts::{HEADER_BYTES, concatenate, frame, length_of},
};

/// The compiler that built the SDK, and so the plugin.
#[doc(hidden)]
pub const RUSTC: &str = env!("LOADER_SDK_RUSTC");
/// The target triple.
#[doc(hidden)]
pub const TARGET: &str = env!("LOADER_SDK_TARGET");
/// The SDK and its version.
#[doc(hidden)]
pub const SDK: &str = concat!("loader-sdk ", env!("CARGO_PKG_VERSION"));

/// The answer to a request for a plugin the library does not have.
#[doc(hidden)]
pub fn unknown_plugin(id: &str) -> CreateResult {
    let error = crate::Error::not_found(
        "LDR-IMAGE-PLUGIN",
        format!("the library has no plugin `{}`", id.escape_debug()),
    );
    RResult::RErr(error.into_abi())
}

/// Exports one or more plugins from a library. Use it once, in a `cdylib`.
///
/// ```ignore
/// export_plugin! {
///     plugin: Hello,                 // a type that implements `Plugin`
///     id: "hello",                   // the id in `plugin.toml`
///     state: Counters,               // only where `Hello` implements `Handover`
///     provides: [                    // one line per capability: its trait's name in snake case
///         http_route: "hello",       // and the capability's id
///         health: "hello",
///         contract "shout/1": "hello",   // a contract of your own: the trait `Custom`
///     ],
/// }
/// ```
///
/// Several plugins in one library are separated by semicolons. The types must implement the traits
/// of what they provide; the manifest's `[provides]` must say the same.
#[macro_export]
macro_rules! export_plugin {
    ($(
        plugin: $plugin:ty,
        id: $id:literal,
        $(state: $state:ty,)?
        provides: [
            $($capability:ident $($contract:literal)? : $capability_id:literal),* $(,)?
        ] $(,)?
    );+ $(;)?) => {
        const _: () = {
            use $crate::export as __export;

            const FACTS_PARTS: &[&str] = &[
                "{\"abi\":\"", $crate::abi::ABI_VERSION_TEXT,
                "\",\"sdk\":\"", __export::SDK,
                "\",\"rustc\":\"", __export::RUSTC,
                "\",\"target\":\"", __export::TARGET,
                "\",\"panic\":\"", if cfg!(panic = "unwind") { "unwind" } else { "abort" },
                "\",\"version\":\"", env!("CARGO_PKG_VERSION"),
                "\",\"plugins\":[",
                $(
                    "{\"id\":\"", $id, "\",\"provides\":[",
                    $(
                        "{\"contract\":\"", $crate::__contract_of!($capability $($contract)?),
                        "\",\"id\":\"", $capability_id, "\"},",
                    )*
                    "]},",
                )+
                "]}",
            ];
            const JSON_BYTES: usize = __export::length_of(FACTS_PARTS);
            const JSON: [u8; JSON_BYTES] = __export::concatenate(FACTS_PARTS);
            const SECTION_BYTES: usize = JSON_BYTES + __export::HEADER_BYTES;

            // Older linkers drop a section that nothing but `#[used]` holds: the root module points
            // into it.
            //
            // SAFETY: the section is the loader's own, so nothing else reads its bytes as something
            // they are not, and they are plain bytes without relocations.
            #[used]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__ldrplug"))]
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".ldrplug"))]
            static SECTION: [u8; SECTION_BYTES] = __export::frame(&JSON);

            #[global_allocator]
            static ALLOCATOR: $crate::allocation::Counted = $crate::allocation::Counted;

            extern "C" fn create(
                id: __export::RStr<'_>,
                host: __export::HostBox,
            ) -> __export::CreateResult {
                match id.as_str() {
                    $(
                        $id => __export::create::<$plugin>(
                            $id,
                            env!("CARGO_PKG_VERSION"),
                            $crate::Registration::new()
                                $(.handing_over::<$state>())?
                                $(.$capability($($contract,)? $capability_id))*,
                            host,
                        ),
                    )+
                    other => __export::unknown_plugin(other),
                }
            }

            fn root() -> __export::PluginRoot_Ref {
                const ROOT: &__export::WithMetadata<__export::PluginRoot> =
                    &__export::WithMetadata::new(__export::PluginRoot {
                        facts: __export::RSlice::from_slice(SECTION.split_at(__export::HEADER_BYTES).1),
                        create,
                    });
                __export::PluginRoot_Ref(ROOT.static_as_prefix())
            }

            extern "C" fn start_root() -> __export::RootModuleResult {
                __export::__call_root_module_loader(root)
            }

            // The name abi_stable's own attribute would give it; a test holds the two together.
            //
            // SAFETY: no other symbol of a library has this name: abi_stable defines it only where its
            // attribute is used, and the linker refuses a second use of this macro.
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            #[allow(unsafe_code, reason = "the one symbol a plugin library exports")]
            // SAFETY: `start_root` returns a `PluginRoot_Ref`, as the type parameter says.
            pub static HEADER: __export::LibHeader = unsafe {
                __export::LibHeader::from_constructor::<__export::PluginRoot_Ref>(
                    start_root,
                    __export::CheckTypeLayout::Yes,
                )
            };
        };
    };
}

/// The contract of one line of `provides`.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_of {
    (contract $contract:literal) => {
        $contract
    };
    (contract) => {
        compile_error!("name the contract: `contract \"shout/1\": \"shout\"`")
    };
    ($capability:ident) => {
        $crate::capability::$capability::CONTRACT
    };
}
