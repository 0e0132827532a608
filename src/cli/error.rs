//! What a person is told when something does not work.

use std::fmt::Display;
use std::process::ExitCode;

/// Exit statuses, as scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The work was not done.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The work was done, and what it checked does not hold.
    DoesNotHold = 3,
}

/// An error, rendered once.
#[derive(Debug)]
pub struct CliError {
    /// What was tried and what went wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// How the program ends.
    pub status: Status,
}

/// What commands give.
pub type Result<T> = std::result::Result<T, CliError>;

impl CliError {
    /// Something failed.
    pub fn failed(message: impl Display) -> Self {
        Self { message: message.to_string(), hint: None, status: Status::Failed }
    }

    /// The command line makes no sense.
    pub fn usage(message: impl Display) -> Self {
        Self { status: Status::Usage, ..Self::failed(message) }
    }

    /// A check does not hold; its findings have been printed.
    pub fn does_not_hold(message: impl Display) -> Self {
        Self { status: Status::DoesNotHold, ..Self::failed(message) }
    }

    /// The same, with what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Tells the person and gives the exit status.
    pub fn report(&self) -> ExitCode {
        eprintln!("error: {}", self.message);
        if let Some(hint) = &self.hint {
            eprintln!("  hint: {hint}");
        }
        ExitCode::from(self.status as u8)
    }
}

impl From<coulter_pipeline::PipelineError> for CliError {
    fn from(error: coulter_pipeline::PipelineError) -> Self {
        Self::failed(error)
    }
}

#[cfg(feature = "compile")]
impl From<coulter_compile::CompileError> for CliError {
    fn from(error: coulter_compile::CompileError) -> Self {
        Self::failed(error)
    }
}
