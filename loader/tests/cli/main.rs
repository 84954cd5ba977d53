//! The program as its users meet it: arguments in, output and exit code out.

mod channels;
mod chat;
mod completions;
mod config;
mod context;
mod dev;
mod doctor;
mod gateway;
mod help;
mod http;
mod packages;
mod plugins;
mod reloads;
mod run;
mod signals;
mod status;
mod terminal;
