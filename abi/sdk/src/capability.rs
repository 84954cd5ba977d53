//! One trait per capability contract, and [`custom`] for contracts of one's own. Each file also says
//! how its methods are called.

pub mod channel;
pub mod custom;
pub mod health;
pub mod http_route;
pub mod text_inference;
