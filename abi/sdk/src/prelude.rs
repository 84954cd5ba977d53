//! Everything a plugin usually imports.

pub use crate::{
    Answer, Call, Error, Handover, Host, NoConfig, Plugin, Result, State,
    capability::{
        channel::Channel,
        custom::{Custom, Request},
        health::Health,
        http_route::{HttpRequest, HttpResponse, HttpRoute},
        text_inference::{Events, TextInference},
    },
    config,
    contract::{
        channel::{
            AccountState, AccountStatus, Capabilities, InboundMessage, SendText, Sent, StatusList,
        },
        health::HealthReport,
        text_inference::{
            FinishReason, GenerateRequest, GenerateResponse, Model, ModelList, StreamEvent, Usage,
        },
    },
    export_plugin, state,
};
pub use tracing::{debug, error, info, instrument, trace, warn};
