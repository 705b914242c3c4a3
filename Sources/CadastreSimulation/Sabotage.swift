/// A bug planted between the product's stages, to see that a checker finds it.
///
/// It lives in the world's hand-overs alone: the product carries no flag for it.
package enum Sabotage: String, Hashable, Sendable, CaseIterable {
    /// Consensus hears that a write is durable before the journal has begun it.
    case reportBeforeSync
    /// Queries go to the state machine at once, past the read index.
    case readWithoutIndex
    /// An answer carries another entity tag than the state.
    case wrongAnswer
    /// An answer carries the marker of another tenant.
    case foreignAnswer
    /// A reply to a command names another place in the cluster's order.
    case wrongReply
    /// A client is answered twice.
    case secondAnswer
    /// A reply is lost inside the node.
    case lostAnswer
    /// A command that is in a block is refused.
    case refusedProposal
    /// A command that a client sent once is handed to the node twice.
    case doubledCommand
    /// The newest segment of a journal is gone after a crash.
    case lostSegment
    /// The last synced blocks of a journal are zeros after a crash.
    case lostBlocks
    /// Bytes of the journal from before the last sync are turned over.
    case rottenJournal
    /// An entry reaches the state machine of a node without its commands.
    case skippedCommands
    /// As `skippedCommands`, and the simulation's own comparison of states looks away: the node, or
    /// those that follow it, must notice.
    case unseenDivergence
    /// An entry reaches the state machine when it is proposed and not when it is committed.
    case applyBeforeCommit
    /// One node's writes are never reported durable, though heartbeats go on.
    case silentDisk
    /// The links that faults cut stay cut.
    case unmendedLinks
    /// One node believes its own clock: a Tick carries nobody else's.
    case lonelyClock
    /// Every message carries the same clock, and the Ticks that are made of them lead nowhere.
    case stillClocks
    /// A snapshot has its name, and a byte of it is another one after a crash.
    case tornSnapshot
}
