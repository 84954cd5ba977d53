//! What the edge needs of a gateway, so that it can be tested without one.

use loader_contract::text_inference::{GenerateRequest, GenerateResponse, StreamEvent};
use loader_core::diagnostic::Diagnostic;
use loader_core::message::{Failure, Metadata, Reply};
use loader_core::reload::Ledger;
use loader_core::{CallOptions, ReloadRequest};
use loader_gateway::{
    Answered, EventStream, Gateway, GatewayHealth, GatewayStatus, ListedModel, Question, Route,
};

/// A gateway, as the edge sees it.
pub(crate) trait Backend: Send + Sync + 'static {
    /// A streamed answer.
    type Events: Events;
    /// A plugin's route.
    type Route: PluginRoute;

    /// Every model of every provider.
    fn models(&self) -> impl Future<Output = Result<Vec<ListedModel>, Failure>> + Send;

    /// Asks a model for a whole answer.
    fn generate(
        &self,
        options: CallOptions,
        model: &str,
        request: GenerateRequest,
    ) -> impl Future<Output = Result<GenerateResponse, Failure>> + Send;

    /// Asks a model for an answer piece by piece.
    fn stream(
        &self,
        options: CallOptions,
        model: &str,
        request: GenerateRequest,
    ) -> impl Future<Output = Result<Self::Events, Failure>> + Send;

    /// Asks for what a contract offers.
    fn ask(&self, question: Question) -> impl Future<Output = Result<Answered, Failure>> + Send;

    /// The plugin that answers a canonical path.
    fn route(&self, path: &str) -> Option<Self::Route>;

    /// How the gateway and its plugins are.
    fn health(&self) -> impl Future<Output = GatewayHealth> + Send;

    /// How the gateway and its plugins are doing, without asking them.
    fn status(&self) -> GatewayStatus;

    /// Replaces a plugin's generation, and returns the number of the reload.
    fn reload(&self, plugin: &str, request: ReloadRequest) -> Result<u64, Diagnostic>;

    /// What was reloaded, and what came of it.
    fn reloads(&self) -> &Ledger;
}

/// The events of a streamed answer. Dropping them cancels the provider's work.
pub(crate) trait Events: Send + 'static {
    /// The next event; `None` only after `Finish`.
    fn next(&mut self) -> impl Future<Output = Option<Result<StreamEvent, Failure>>> + Send;
}

/// The route of a plugin that answers a path.
pub(crate) trait PluginRoute: Send + Sync {
    /// Takes the path below the plugin's prefix out.
    fn take_path(&mut self) -> String;

    /// Lets the plugin answer. Metadata and reply are as in `http-route/1`.
    fn handle(
        &self,
        options: CallOptions,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send;
}

impl Backend for Gateway {
    type Events = EventStream;
    type Route = Route;

    async fn models(&self) -> Result<Vec<ListedModel>, Failure> {
        Gateway::models(self).await
    }

    async fn generate(
        &self,
        options: CallOptions,
        model: &str,
        request: GenerateRequest,
    ) -> Result<GenerateResponse, Failure> {
        Gateway::generate(self, options, model, request).await
    }

    async fn stream(
        &self,
        options: CallOptions,
        model: &str,
        request: GenerateRequest,
    ) -> Result<EventStream, Failure> {
        Gateway::stream(self, options, model, request).await
    }

    async fn ask(&self, question: Question) -> Result<Answered, Failure> {
        Gateway::ask(self, question).await
    }

    fn route(&self, path: &str) -> Option<Route> {
        Gateway::route(self, path)
    }

    async fn health(&self) -> GatewayHealth {
        Gateway::health(self).await
    }

    fn status(&self) -> GatewayStatus {
        Gateway::status(self)
    }

    fn reload(&self, plugin: &str, request: ReloadRequest) -> Result<u64, Diagnostic> {
        self.engine().reload(plugin, request)
    }

    fn reloads(&self) -> &Ledger {
        self.engine().reloads()
    }
}

impl Events for EventStream {
    async fn next(&mut self) -> Option<Result<StreamEvent, Failure>> {
        EventStream::next(self).await
    }
}

impl PluginRoute for Route {
    fn take_path(&mut self) -> String {
        std::mem::take(&mut self.path)
    }

    async fn handle(
        &self,
        options: CallOptions,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<Reply, Failure> {
        Route::handle(self, options, metadata, body).await
    }
}
