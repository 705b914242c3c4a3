package import RaftCore

/// What went wrong below the state machine: none of it is the fault of a command.
package enum StateMachineError: Error, Hashable, Sendable {
    /// A statement failed. Inside this target only: callers see one of the next two.
    case sqlite(SQLiteError)
    /// The open transaction is gone and the state is as of `from`: apply again what follows it.
    ///
    /// Replies of entries behind `from` that were sent stay true: they come out the same again. While
    /// `because` says that the disk is full, wait for space before trying again.
    case mustReapply(from: LogPosition, because: SQLiteError)
    /// The state cannot be kept: the node must stop (exit code 74).
    case terminal(SQLiteError)
    /// A committed entry cannot be read, so the state cannot follow the log (exit code 70).
    case unreadableEntry(LogPosition, reason: String)
    /// The state is not that of the leader: equal entries made different rows, here or there. The node
    /// must stop (exit code 76).
    case diverged(Divergence)
    /// Another process, or another machine in this one, has the database open.
    case inUse
    /// The database belongs to another cluster, node or incarnation.
    case foreign(found: StateMachineIdentity)
    /// The database was written by a newer program.
    case unknownSchema(number: Int)
    /// The database contradicts itself; rebuild it from a snapshot and the log.
    case damaged(String)

    /// A file that came from another node is not the state that was expected. It is to be removed;
    /// nothing of this node's state was touched.
    case unusableImage(String)
    /// The disk failed while a file that came from another node was looked at or moved: it may do
    /// another time. Nothing of this node's state was touched.
    case imageFailed(SQLiteError)

    /// What an operator should be told.
    package var advice: String {
        switch self {
        case .sqlite(let error), .mustReapply(_, let error):
            "the state database failed and its last entries are applied again: \(error)"
        case .terminal(let error):
            "the state database cannot be kept: \(error)"
        case .unreadableEntry(let position, let reason):
            "entry \(position) is committed, and this program cannot execute it: \(reason). Nothing"
                + " was changed. Start the newest cadastred in use here; keep the journal for its"
                + " developers if that one stops too"
        case .diverged(let divergence):
            "the state of this node differs from the leader's since \(divergence.first), "
                + (divergence.lastEqual.map { "and was equal at \($0)" }
                    ?? "and was not compared before since the start")
                + ". It serves nothing more. The next start sets its database aside and rebuilds it"
                + " once from this node's snapshot and the log; if it differs again, it stops for"
                + " good. Run `cadastre verify` against the other nodes: if the leader is alone with"
                + " its state, stop that one instead. Keep the file and the journal for the"
                + " developers"
        case .inUse:
            "state/state.sqlite is open in another process; stop that one first"
        case .foreign(let found):
            "state/state.sqlite belongs to node \(found.node) of another cluster or life of a disk;"
                + " give this node its own data folder"
        case .unknownSchema(let number):
            "state/state.sqlite has schema \(number), which a newer cadastred wrote; run that one"
        case .damaged(let detail):
            "state/state.sqlite is damaged (\(detail)); the next start sets it aside and rebuilds it"
                + " from this node's snapshot and the log"
        case .unusableImage(let reason):
            "a snapshot that was received is not used: \(reason)"
        case .imageFailed(let error):
            "a snapshot that was received could not be taken over: \(error)"
        }
    }
}
