//! One trait per capability contract. Each file also says how its methods are called.

pub mod channel;
pub mod health;
pub mod http_route;
pub mod text_inference;
