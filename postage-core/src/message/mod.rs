//! What travels: the envelope, the fingerprint, the contents, the results, and the codec.

mod class;
mod codec;
mod content;
mod depth;
mod details;
mod envelope;
mod exception;
mod fingerprint;
mod object;
mod received;
mod result;
mod shorten;
mod status;
mod text;
mod usual;

pub(crate) use codec::Codecs;
#[cfg(feature = "msgpack")]
pub use codec::MsgPackCodec;
pub use codec::{Codec, CodecError, JsonCodec};
pub use content::{Command, Plain};
pub(crate) use depth::is_nested_deeper;
pub(crate) use details::{Details, causes};
pub use envelope::{Category, EncodeError, Envelope, IntoEnvelope};
pub(crate) use envelope::{Reserved, encode_success};
pub use exception::{RemoteError, RemoteException};
pub use fingerprint::Fingerprint;
pub(crate) use fingerprint::Identity;
pub(crate) use object::{Object, is_empty_object};
pub use received::{Message, MessageError};
pub use result::ResultContent;
pub(crate) use result::{INCOMPATIBLE, WAS_REJECTED};
pub(crate) use shorten::{shorten, shorten_to};
pub use status::Progress;
pub(crate) use status::{
    ACCEPTED, HEARTBEAT, PROGRESS, REJECTED, Reason, STARTED, STATUS, Status, encode_status,
    read_data, write_progress,
};
#[doc(hidden)]
pub use text::Text;
