internal import RaftCore

/// Appends that wait because an earlier one to the same peer still waits for its entries to be read
/// back from the journal.
///
/// Bounded by Raft's window: it sends no more until the first of them are acknowledged.
struct AppendQueues: Sendable {
    private struct Queue: Sendable {
        let peer: NodeID
        var messages: [Message] = []
    }

    /// Peers with a read under way, in the order of the reads.
    private var queues: [Queue] = []

    /// Whether nothing to this peer waits.
    func isClear(for peer: NodeID) -> Bool { !queues.contains { $0.peer == peer } }

    /// The journal was asked for the entries of an append to this peer.
    mutating func block(_ peer: NodeID) { queues.append(Queue(peer: peer)) }

    /// Keeps an append until the one before it has left.
    mutating func hold(_ message: Message) {
        guard let place = queues.firstIndex(where: { $0.peer == message.to }) else {
            preconditionFailure("an append to \(message.to) is held, but none waits before it")
        }
        queues[place].messages.append(message)
    }

    /// The append that was waited for has left.
    ///
    /// - Returns: Those behind it, oldest first.
    mutating func release(_ peer: NodeID) -> [Message] {
        guard let place = queues.firstIndex(where: { $0.peer == peer }) else { return [] }
        return queues.remove(at: place).messages
    }

    /// The peer is gone, or its number belongs to another disk: what waits is for nobody.
    ///
    /// A read that is under way still ends.
    mutating func forget(_ peer: NodeID) {
        for place in queues.indices where queues[place].peer == peer {
            queues[place].messages.removeAll()
        }
    }

    /// Leadership began or ended: what waited is of a term that is over.
    mutating func removeAll() { queues.removeAll(keepingCapacity: true) }
}

extension MessageBody {
    /// Whether it is an append, with entries or without.
    ///
    /// All of them share one lane: an empty one asks whether those before it arrived.
    var isAppend: Bool { if case .appendEntries = self { true } else { false } }
}
