//! The one thing a library exports.

use crate::{CallError, HostBox, PluginBox};
use abi_stable::{
    StableAbi,
    library::RootModule,
    package_version_strings,
    sabi_types::VersionStrings,
    std_types::{RBox, RResult, RSlice, RStr},
};

/// The answer to [`PluginRoot::create`].
pub type CreateResult = RResult<PluginBox, RBox<CallError>>;

/// The root module of a plugin library.
///
/// Fields are only ever appended, after `create`, and a missing one reads as `None`.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRoot_Ref)))]
#[sabi(missing_field(option))]
pub struct PluginRoot {
    /// The JSON of the metadata section; see [`facts`](crate::facts). Static data of the library.
    pub facts: RSlice<'static, u8>,
    /// Makes the plugin with this id and hands it the host. The library may hold several plugins;
    /// each is created at most once per generation. Must not unwind.
    #[sabi(last_prefix_field)]
    pub create: extern "C" fn(plugin_id: RStr<'_>, host: HostBox) -> CreateResult,
}

impl RootModule for PluginRoot_Ref {
    abi_stable::declare_root_module_statics! {PluginRoot_Ref}
    const BASE_NAME: &'static str = "loader_plugin";
    const NAME: &'static str = "loader_plugin";
    // This crate's version is the interface's version: see the rules of evolution in the README.
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}
