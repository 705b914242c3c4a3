package import CadastreStateMachine
package import CadastreStorage

/// Why a node cannot start or go on: what happened, and what to do, for whoever reads it at night.
package struct NodeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// With which code the process ends.
    ///
    /// The names are those of `sysexits.h`.
    package enum ExitCode: Int32, Hashable, Sendable, CaseIterable {
        /// The journal is damaged below what was durable.
        case damaged = 65
        /// A rule of Raft was broken by a peer, or a committed entry cannot be read.
        case alarm = 70
        /// Another process uses the folder.
        case inUse = 73
        /// A write or sync failed.
        case inputOutput = 74
        /// The state is not that of the leader at the same entry.
        case diverged = 76
        /// The folder or the configuration is not this node's.
        case configuration = 78
    }

    /// With which code the process ends.
    package var exitCode: ExitCode
    /// What happened and what to do.
    ///
    /// Names file and offset where there is one.
    package var description: String

    /// Composes an error.
    package init(_ exitCode: ExitCode, _ description: String) {
        self.exitCode = exitCode
        self.description = description
    }

    /// What the journal said.
    package init(_ error: StorageError) {
        let code: ExitCode =
            switch error {
            case .malformedEntry, .damaged, .unproven, .contradictory, .missingSegment,
                .misplacedSegment, .unrecognisedFile, .unavailable, .malformedSnapshot,
                .refusedSnapshot, .unknownSnapshot, .damagedSnapshot:
                .damaged
            case .wrongIdentity, .newerFormat, .noJournal: .configuration
            case .journalExists, .locked: .inUse
            case .outOfSpace, .batchTooLarge, .disk, .sourceEnded, .snapshotFailed: .inputOutput
            }
        self.init(code, "\(error)")
    }

    /// What the state machine said.
    package init(_ error: StateMachineError) {
        switch error {
        case .inUse: self.init(.inUse, error.advice)
        case .foreign: self.init(.configuration, error.advice)
        case .unknownSchema: self.init(.configuration, error.advice)
        case .damaged: self.init(.damaged, error.advice)
        case .unreadableEntry: self.init(.alarm, error.advice)
        case .diverged: self.init(.diverged, error.advice)
        case .sqlite, .mustReapply, .terminal, .unusableImage, .imageFailed:
            self.init(.inputOutput, error.advice)
        }
    }
}
