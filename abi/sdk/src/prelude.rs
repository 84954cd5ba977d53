//! Everything a plugin usually imports.

pub use crate::{
    Answer, Call, Error, Handover, Host, NoConfig, Plugin, Result, State, arguments,
    capability::{
        background_service::BackgroundService,
        channel::Channel,
        chat_command::ChatCommand,
        cli_command::{CliCommand, Terminal},
        custom::{Custom, Request},
        health::Health,
        hook::Hook,
        http_route::{HttpRequest, HttpResponse, HttpRoute},
        scheduled_task::ScheduledTask,
        speech::{AudioSink, Speech},
        text_inference::{Events, TextInference},
        tool::{Tool, arguments_of, describe_tool},
        web_fetch::WebFetch,
    },
    config,
    contract::{
        background_service::ServiceStatus,
        channel::{
            AccountState, AccountStatus, Capabilities, InboundMessage, SendText, Sent, StatusList,
        },
        chat_command::ChatReply,
        cli_command::RunCommand,
        health::HealthReport,
        hook::{
            AfterToolCall, AgentStartChange, BeforeAgentStart, BeforeModelResolve,
            BeforePromptBuild, BeforeReply, BeforeToolCall, GatewayMoment, MessageChange,
            MessageReceived, MessageSent, ModelOverride, PromptChange, ReplyChange, Session,
            ToolAnswerChange, ToolCallChange,
        },
        scheduled_task::RunReport,
        speech::{Audio, Synthesize, Voice, VoiceList},
        text_inference::{
            FinishReason, GenerateRequest, GenerateResponse, Model, ModelList, StreamEvent, Usage,
        },
        tool::{CallTool, ToolAnswer, ToolDescription},
        web_fetch::{FetchPage, Page, PageFormat},
    },
    export_plugin, state,
};
pub use tracing::{debug, error, info, instrument, trace, warn};
