//! The JSON Schemas of every contract, generated from the types and committed under `schemas/`.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

/// One committed schema file.
#[derive(Debug)]
pub struct ContractSchema {
    /// The file's name, such as `text-inference-1.json`.
    pub file: String,
    /// The schema: one definition per type.
    pub schema: Value,
}

/// Every contract's schema, in the order of their file names.
pub fn all() -> Vec<ContractSchema> {
    macro_rules! contract {
        ($name:expr, $($type:ty),* $(,)?) => {
            contract($name, |generator| { $(generator.subschema_for::<$type>();)* })
        };
    }
    use crate::{
        background_service, channel, chat_command, cli_command, health, hook, lifecycle,
        scheduled_task, service, speech, text_inference, tool, web_fetch,
    };
    let mut schemas = vec![
        contract!(
            "ldr/1",
            lifecycle::HostDescription,
            lifecycle::PluginDescription,
            lifecycle::Registrations,
            lifecycle::Start,
            lifecycle::Stats,
        ),
        contract!(
            text_inference::CONTRACT,
            text_inference::ModelList,
            text_inference::GenerateRequest,
            text_inference::GenerateResponse,
            text_inference::StreamEvent,
        ),
        contract!(
            channel::CONTRACT,
            channel::Capabilities,
            channel::Connect,
            channel::Disconnect,
            channel::StatusList,
            channel::SendText,
            channel::Sent,
            channel::InboundMessage,
        ),
        contract!(
            background_service::CONTRACT,
            background_service::ServiceStatus,
            background_service::ServiceList,
        ),
        contract!(chat_command::CONTRACT, chat_command::ChatCommand, chat_command::ChatReply),
        contract!(
            cli_command::CONTRACT,
            cli_command::RunCommand,
            cli_command::Exit,
            cli_command::Argument,
        ),
        contract!(health::CONTRACT, health::HealthReport),
        contract!(
            hook::CONTRACT,
            hook::BeforeModelResolve,
            hook::ModelOverride,
            hook::BeforePromptBuild,
            hook::PromptChange,
            hook::BeforeAgentStart,
            hook::AgentStartChange,
            hook::MessageReceived,
            hook::MessageChange,
            hook::BeforeReply,
            hook::ReplyChange,
            hook::MessageSent,
            hook::BeforeToolCall,
            hook::ToolCallChange,
            hook::AfterToolCall,
            hook::ToolAnswerChange,
            hook::Session,
            hook::GatewayMoment,
            hook::Custom,
            hook::CustomChange,
            hook::HookList,
        ),
        contract!(
            scheduled_task::CONTRACT,
            scheduled_task::Run,
            scheduled_task::RunReport,
            scheduled_task::Plan,
            scheduled_task::TaskList,
        ),
        contract!(
            speech::CONTRACT,
            speech::Synthesize,
            speech::Audio,
            speech::VoiceList,
            speech::ProviderList,
        ),
        contract!(
            tool::CONTRACT,
            tool::ToolDescription,
            tool::CallTool,
            tool::ToolAnswer,
            tool::ToolList,
        ),
        contract!(web_fetch::CONTRACT, web_fetch::FetchPage, web_fetch::Page),
        contract!(service::clock::SERVICE, service::clock::Now, service::clock::Sleep),
        contract!(service::secrets::SERVICE, service::secrets::Get),
        contract!(service::kv::SERVICE, service::kv::List, service::kv::Keys),
        contract!(
            service::events::SERVICE,
            service::events::Publish,
            service::events::Subscribe,
            service::events::Event,
        ),
        contract!(
            service::net::SERVICE,
            service::net::Connect,
            service::net::Connected,
            service::net::Close,
        ),
        contract!(
            service::websocket::SERVICE,
            service::websocket::Connect,
            service::websocket::Connected,
            service::websocket::Closed,
        ),
    ];
    schemas.sort_by(|one, other| one.file.cmp(&other.file));
    schemas
}

fn contract(name: &str, add: impl FnOnce(&mut SchemaGenerator)) -> ContractSchema {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    add(&mut generator);
    let definitions = generator.take_definitions(true);
    ContractSchema {
        file: format!("{}.json", name.replace('/', "-")),
        schema: json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": name,
            "$defs": definitions,
        }),
    }
}

/// The JSON Schema of one type, for a plugin's configuration.
pub fn of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value()
}
