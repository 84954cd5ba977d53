//! From a folder to a staged library: manifests, discovery, the gate and the private store, on real
//! files and without running any code of a plugin.
#![expect(clippy::unwrap_used, reason = "what helps a test may panic like the test itself")]
#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

#[path = "pipeline_files/discovery.rs"]
mod discovery;
#[path = "pipeline_files/elf.rs"]
mod elf;
#[path = "pipeline_files/installation.rs"]
mod installation;
#[path = "pipeline_files/known.rs"]
mod known;
#[path = "pipeline_files/manifest.rs"]
mod manifest;
#[path = "pipeline_files/permissions.rs"]
mod permissions;
#[path = "pipeline_files/plugin.rs"]
mod plugin;
#[path = "pipeline_files/properties.rs"]
mod properties;
#[path = "pipeline_files/staging.rs"]
mod staging;
#[path = "pipeline_files/vetting.rs"]
mod vetting;
