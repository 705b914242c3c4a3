internal import CadastreProtocol
package import CadastreStorage
package import RaftCore

/// What happens to a journal that is being mended.
package enum RepairEvent: Sendable {
    /// The body of a peer's frame of kind ``FrameKind/repair``.
    case received(from: NodeID, group: GroupID, bytes: [UInt8])
    /// Time went by, or the last turn left something to do.
    case resume
}

/// What a turn of a repair wants done.
///
/// Emptied by the host.
package struct RepairOutput: Sendable {
    /// Bodies of frames of kind ``FrameKind/repair``, for the bulk connections.
    package var frames: [PeerFrame] = []
    /// The peer sent what no peer sends: its connection is to be closed.
    package var peerFaults: [PeerFault] = []
    /// What an operator should know, in words.
    package var notes: [String] = []
    /// Something is left to do: the host is to give ``RepairEvent/resume`` at once.
    package var hasMore = false
    /// The repaired journal is in the place of the damaged one.
    package var isDone = false

    /// Nothing to do.
    package init() {}

    /// Empties the value and keeps its storage.
    package mutating func removeAll() {
        frames.removeAll(keepingCapacity: true)
        peerFaults.removeAll(keepingCapacity: true)
        notes.removeAll(keepingCapacity: true)
        hasMore = false
        isDone = false
    }
}

/// Mends a damaged journal: asks one peer after the other for what is missing, and puts the whole in
/// the place of what was damaged.
///
/// The node has no stages while it is mended: it grants no vote and acknowledges nothing, because
/// nothing is there that could. One question is on its way at a time; each answer says by its hash
/// what is asked next (``RepairedJournal``). A peer that is silent, has it not, or sends what does not
/// chain is passed over for a while.
package final class JournalRepair {
    private let repaired: RepairedJournal
    private let group: GroupID
    /// Whom to ask, ascending.
    private let peers: [NodeID]
    private var limit: RateLimit

    /// Whose turn it is, and until when it is awaited; nil if nobody was asked.
    private var asked: (peer: NodeID, deadline: UInt64)?
    private var next = 0
    /// Peers that lack what is missing now.
    private var declined: Set<NodeID> = []
    /// Peers that sent what does not chain are asked again after this moment.
    private var distrusted: [NodeID: UInt64] = [:]
    /// Questions in vain since something came.
    private var silences = 0
    private var lastNote: UInt64 = 0
    private var began: UInt64?
    private var sources: [NodeID: Int] = [:]
    private var isDone = false

    /// A peer that is asked is awaited for so long, in nanoseconds.
    private static let patience: UInt64 = 2_000_000_000
    /// A peer that lied is left alone for so long.
    private static let distrust: UInt64 = 10_000_000_000
    /// Time between two lines about the progress.
    private static let noteInterval: UInt64 = 10_000_000_000

    /// Begins.
    ///
    /// - Parameters:
    ///   - repaired: What is there, and what is missing.
    ///   - peers: Who may have it.
    ///   - rate: Bytes a second, at most.
    package init(_ repaired: RepairedJournal, peers: [NodeID], rate: Int) {
        self.repaired = repaired
        self.group = repaired.damage.group
        self.peers = peers.sorted()
        limit = RateLimit(rate: rate)
    }

    /// Takes what happened, then asks on or writes a part of the whole.
    ///
    /// - Parameters:
    ///   - events: Emptied.
    ///   - moment: Never earlier than in the turn before.
    ///   - output: Gets what the host is to do.
    /// - Throws: What the disk says; or that nobody has what is missing.
    package func turn(
        _ events: inout [RepairEvent],
        at moment: Moment,
        into output: inout RepairOutput
    ) throws(NodeError) {
        let now = moment.monotonic
        if began == nil {
            began = now
            lastNote = now
        }
        do throws(StorageError) {
            for case .received(let peer, let group, let bytes) in events {
                try received(bytes, from: peer, group, at: now, into: &output)
            }
            events.removeAll(keepingCapacity: true)
            if isDone { return }
            guard repaired.missing == nil else {
                try ask(at: now, into: &output)
                return
            }
            if try repaired.step() {
                output.hasMore = true
                return
            }
            try repaired.finish()
        } catch {
            throw NodeError(error)
        }
        isDone = true
        output.isDone = true
        output.notes.append("the journal is whole again: \(progress(at: now))")
    }

    /// Lets go of all files.
    package func close() { repaired.close() }

    private func received(
        _ bytes: [UInt8],
        from peer: NodeID,
        _ group: GroupID,
        at now: UInt64,
        into output: inout RepairOutput
    ) throws(StorageError) {
        let message: RepairMessage
        do throws(ProtocolError) {
            guard group == self.group else { throw ProtocolError(.malformed, "of group \(group)") }
            message = try RepairMessage(decoding: bytes)
        } catch {
            distrust(peer, "\(error)", at: now, into: &output)
            return
        }
        // Late, or of one who was not asked: what is asked now is something else.
        guard let asked, asked.peer == peer, let missing = repaired.missing,
            message.index == missing.index, message.hash == missing.hash
        else { return }
        switch message.body {
        case .fetch: return
        case .unavailable:
            declined.insert(peer)
            self.asked = nil
            next += 1
        case .entries(let entries, let previousHash):
            do throws(StorageError) {
                try repaired.take(entries, after: previousHash)
            } catch {
                guard case .malformedEntry(let reason) = error else { throw error }
                distrust(peer, reason, at: now, into: &output)
                return
            }
            sources[peer, default: 0] += bytes.count
            limit.spend(bytes.count)
            self.asked = nil
            silences = 0
            declined.removeAll()
        }
    }

    private func distrust(
        _ peer: NodeID,
        _ reason: String,
        at now: UInt64,
        into output: inout RepairOutput
    ) {
        output.peerFaults.append(PeerFault(peer: peer, reason: reason))
        distrusted[peer] = now + Self.distrust
        guard asked?.peer == peer else { return }
        asked = nil
        next += 1
        silences += 1
    }

    private func ask(
        at now: UInt64,
        into output: inout RepairOutput
    ) throws(StorageError) {
        if now >= lastNote + Self.noteInterval {
            lastNote = now
            output.notes.append("the journal is being mended: \(progress(at: now))")
        }
        if let asked {
            guard asked.deadline <= now else { return }
            self.asked = nil
            next += 1
            silences += 1
        }
        guard let missing = repaired.missing else {
            output.hasMore = true
            return
        }
        if try isHopeless(missing) {
            output.hasMore = true
            return
        }
        guard limit.isOpen(at: now) else { return }
        for offset in 0..<peers.count {
            let peer = peers[(next + offset) % peers.count]
            guard !declined.contains(peer), distrusted[peer] ?? 0 <= now else { continue }
            next = (next + offset) % peers.count
            asked = (peer, now + Self.patience)
            let message = RepairMessage(missing.index, missing.hash, .fetch)
            output.frames.append(
                PeerFrame(
                    to: peer,
                    group: group,
                    kind: .repair,
                    bytes: message.encode(),
                    isUrgent: false
                )
            )
            return
        }
    }

    /// Whether nobody has what is missing: then the log begins later, at this node's own snapshot.
    ///
    /// - Throws: `unproven` if that leaves something out.
    private func isHopeless(_ missing: RepairedJournal.Missing) throws(StorageError) -> Bool {
        let isRefusedByAll = peers.allSatisfy { declined.contains($0) }
        guard isRefusedByAll || !declined.isEmpty && silences > 3 * peers.count else {
            return false
        }
        if repaired.beginLater() { return true }
        guard isRefusedByAll else { return false }
        let gap = repaired.damage.gaps.first
        throw .unproven(
            file: gap?.file ?? repaired.damage.directory,
            offset: gap?.offset ?? 0,
            reason: gap?.reason ?? "",
            missing: peers.isEmpty
                ? "there is no other node that could have entry \(missing.index)"
                : "no other node has entry \(missing.index) any more, and no snapshot of this node "
                    + "stands for it"
        )
    }

    private static func list(_ nodes: [NodeID]) -> String {
        nodes.map { "node \($0)" }.joined(separator: ", ")
    }

    /// How far it is, for people.
    private func progress(at now: UInt64) -> String {
        let milliseconds = (now - (began ?? now)) / 1_000_000
        let kibibytes = repaired.fetched.bytes / 1_024
        let rate = UInt64(kibibytes) * 1_000 / max(1, milliseconds)
        let from = sources.keys.sorted().map { "node \($0)" }.joined(separator: ", ")
        var text =
            "\(repaired.fetched.entries) entries, \(kibibytes) KiB"
            + (from.isEmpty ? "" : " from \(from)") + ", \(rate) KiB/s"
        if let missing = repaired.missing {
            text += "; entry \(missing.index) is asked for"
            if !declined.isEmpty {
                text += ", which \(Self.list(peers.filter(declined.contains))) cannot give any more"
            }
            if silences > peers.count {
                let silent = Self.list(peers.filter { !declined.contains($0) })
                text +=
                    "; no answer from \(silent): start it, or mend the line to it. Only if it is "
                    + "gone for good, take this folder away, found the node again with "
                    + "`cadastred init --join`, and take it in with `cadastre member replace`"
            }
        }
        return text
    }
}
