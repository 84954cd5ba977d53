//! What every call carries besides its body.

use abi_stable::{StableAbi, std_types::RString};

/// [`CallContext::remaining_ns`] of a call without a deadline.
pub const NO_DEADLINE: u64 = u64::MAX;

/// The typed context of a call or a stream.
///
/// Closed for good: later additions travel as metadata under `ldr-` keys.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, PartialEq, Eq)]
pub struct CallContext {
    /// Identifies the call within the host process; never zero for a call the host makes.
    pub call_id: u64,
    /// Nanoseconds left until the deadline when the call was made, or [`NO_DEADLINE`].
    pub remaining_ns: u64,
    /// The W3C trace the call belongs to.
    pub trace: TraceContext,
    /// Who calls: `gateway`, or `plugin:<id>`. Set by the host; a plugin cannot choose it.
    pub caller: RString,
    /// How many plugin-to-plugin calls led here.
    pub depth: u32,
    /// Equal keys mean the same intent: the callee may answer a repetition from memory. Empty when
    /// the caller makes no such promise.
    pub idempotency_key: RString,
}

/// A W3C `traceparent` in binary form. All zeroes when the call is not traced.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TraceContext {
    /// The trace id.
    pub trace_id: [u8; 16],
    /// The id of the calling span.
    pub span_id: [u8; 8],
    /// Trace flags; bit 0 means sampled.
    pub flags: u8,
}

impl TraceContext {
    /// Renders the `traceparent` header, or nothing when the call is not traced.
    pub fn to_traceparent(&self) -> Option<String> {
        if self.trace_id == [0; 16] {
            return None;
        }
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Some(format!("00-{}-{}-{:02x}", hex(&self.trace_id), hex(&self.span_id), self.flags))
    }

    /// Parses a `traceparent` header of version 00; anything else is `None`.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version != "00" || parts.next().is_some() {
            return None;
        }
        let mut context = Self::default();
        decode_hex(trace, &mut context.trace_id)?;
        decode_hex(span, &mut context.span_id)?;
        let mut flag = [0];
        decode_hex(flags, &mut flag)?;
        context.flags = flag[0];
        (context.trace_id != [0; 16] && context.span_id != [0; 8]).then_some(context)
    }
}

fn decode_hex(text: &str, into: &mut [u8]) -> Option<()> {
    let text = text.as_bytes();
    if text.len() != into.len() * 2 {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    for (byte, pair) in into.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(())
}
