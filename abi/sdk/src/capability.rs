//! One trait per capability contract, and [`custom`] for contracts of one's own. Each file also says
//! how its methods are called.

pub mod background_service;
pub mod channel;
pub mod chat_command;
pub mod cli_command;
pub mod custom;
pub mod health;
pub mod hook;
pub mod http_route;
pub mod scheduled_task;
pub mod speech;
pub mod text_inference;
pub mod tool;
pub mod web_fetch;
