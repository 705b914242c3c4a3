internal import CadastreNode
internal import CadastreProtocol
internal import CoreMetrics
internal import RaftCore

/// What comes in on one connection of a peer, on its way to the stage that it is for: a connection
/// for consensus brings messages of Raft, one for bulk what is said about snapshots.
struct PeerInput {
    private let network: PeerNetwork
    private var assembler = FrameAssembler()
    private var unfinished = UnfinishedMessage()
    private var messages: [ConsensusEvent] = []
    private var snapshots: [SnapshotEvent] = []
    private var repairs: [(group: GroupID, bytes: [UInt8])] = []
    private var repairing = NodeID.none

    /// Nothing has come.
    init(_ network: PeerNetwork) { self.network = network }

    /// Takes bytes.
    ///
    /// - Parameters:
    ///   - bytes: As they came.
    ///   - peer: Whose they are.
    ///   - purpose: Of the connection.
    ///   - isStranger: Only what a leader says is heard.
    /// - Throws: `ProtocolError` for what does not belong on this connection.
    mutating func receive(
        _ bytes: Span<UInt8>,
        from peer: NodeID,
        on purpose: Greeting.Purpose,
        isStranger: Bool = false
    ) throws(ProtocolError) {
        try assembler.receive(bytes) { header, body throws(ProtocolError) in
            let group = GroupID(header.group)
            switch (purpose, header.kind) {
            case (.consensus, .peer):
                guard !isStranger || PeerMessage.isOfLeader(body) else { return }
                messages.append(.received(from: peer, group: group, bytes: body.copied()))
            case (.bulk, .snapshot):
                snapshots.append(.received(from: peer, group: group, bytes: body.copied()))
            case (.bulk, .repair):
                // Entries go to members as the configuration names them, and to nobody else.
                guard !isStranger else { return }
                repairing = peer
                repairs.append((group, body.copied()))
            case (_, _):
                throw ProtocolError(.malformed, "a frame that has no place on this connection")
            }
        }
        unfinished.note(assembler, at: Clock.monotonic)
    }

    /// Hands over what has come whole.
    mutating func post() {
        let count = messages.count + snapshots.count + repairs.count
        guard count > 0 else { return }
        network.metrics.peerReceived.increment(by: count)
        network.inbox.post(all: &messages)
        network.snapshots.post(all: &snapshots)
        for (group, bytes) in repairs { network.repairs(repairing, group, bytes) }
        repairs.removeAll(keepingCapacity: true)
    }

    /// Whether a message has not come whole for too long.
    func isLate(at now: UInt64) -> Bool { unfinished.isLate(at: now) }
}
