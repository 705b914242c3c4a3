import CadastreDisk
import CadastreNode
import CadastreProtocol
import CadastreStorage
import RaftCore

/// A node of a cluster of one or three on a disk in memory, and the two peers as one likes them.
struct NodeFixture {
    static let directory = "/node"
    let disk: SimulatedDisk
    let genesis: Genesis
    let settings: NodeSettings
    var node: OpenNode
    var output = ConsensusOutput()
    /// Everything for the apply stage since the beginning.
    var applyEvents: [ApplyEvent] = []
    /// Everything for peers since the beginning.
    private(set) var sent: [PeerFrame] = []
    /// Every reply of the consensus stage since the beginning.
    private(set) var repliesSoFar: [OutgoingReply] = []
    /// The monotonic moment of the last turn; each is 1 ms after the one before.
    private(set) var now: UInt64 = 1_000_000_000

    init(
        members: Int,
        node number: UInt64 = 1,
        incarnation: Incarnation? = nil,
        witness: UInt64? = nil,
        settings: NodeSettings = NodeSettings()
    ) throws {
        disk = SimulatedDisk(seed: 1)
        genesis = Self.genesis(members: members, witness: witness)
        var settings = settings
        settings.journal.segmentSize = 256 * 1_024
        self.settings = settings
        try NodeFolder.found(
            Self.directory,
            on: disk,
            genesis: genesis,
            node: NodeID(number),
            incarnation: incarnation,
            settings: settings,
            seed: 7
        )
        node = try Self.open(disk, genesis, settings, node: NodeID(number))
    }

    static func open(
        _ disk: SimulatedDisk,
        _ genesis: Genesis,
        _ settings: NodeSettings,
        node: NodeID = NodeID(1)
    ) throws(NodeError) -> OpenNode {
        try NodeFolder.open(
            directory,
            on: disk,
            cluster: genesis.cluster,
            node: node,
            settings: settings,
            seed: 8
        )
    }

    static func genesis(
        members: Int,
        cluster: UInt64 = 5,
        witness: UInt64? = nil
    ) -> Genesis {
        Genesis(
            clusterName: "test",
            cluster: ClusterID(high: cluster, low: 6),
            members: (1...UInt64(members)).map { number in
                Member(
                    id: NodeID(number),
                    incarnation: Incarnation(high: number, low: number),
                    role: number == witness ? .witness : .voter,
                    site: "fr/paris",
                    peerAddress: "a:1",
                    clientAddress: "a:2",
                    administrationAddress: "a:3"
                )
            }
        )
    }

    /// One turn of the consensus stage; the output is only that of this turn.
    mutating func turn(_ events: ConsensusEvent...) {
        output.removeAll()
        var events = events
        now += 1_000_000
        let moment = Moment(monotonic: now, wall: 1_790_000_000_000 + now / 1_000_000)
        node.consensus.turn(&events, at: moment, into: &output)
        applyEvents += output.apply
        sent += output.frames
        repliesSoFar += output.replies
    }

    /// Lets time go by.
    mutating func wait(milliseconds: UInt64) { now += milliseconds * 1_000_000 }

    /// Indices of the entries that were handed to the apply stage.
    var handedOver: [UInt64] {
        applyEvents.flatMap { event -> [UInt64] in
            guard case .entries(let entries) = event else { return [] }
            return entries.map(\.entry.index.value)
        }
    }

    /// Runs the journal stage on these events, and the consensus stage on each of its results.
    mutating func journal(_ asked: [JournalEvent]) throws {
        var results: [JournalResult] = []
        var events = asked
        try node.journal.turn(&events, into: &results)
        for result in results {
            switch result {
            case .persisted(let number): turn(.persisted(number))
            case .entriesRead(let purpose, let entries): turn(.entriesRead(purpose, entries))
            case .diskFull(let isFull): turn(.diskFull(isFull))
            case .compacted, .repairAnswer, .repairFault: break
            }
        }
    }

    /// Ticks until the node has this role.
    mutating func tick(until role: RoleName) {
        for _ in 0..<200 where node.consensus.status.role != role { turn(.tick) }
    }

    /// Runs the journal stage until the last turn wants nothing of it.
    mutating func settle() throws {
        while !output.journal.isEmpty { try journal(output.journal) }
    }

    /// Lets a cluster of one elect itself and commit its no-op.
    mutating func lead() throws {
        tick(until: .candidate)
        try settle()
    }

    /// The messages sent since the beginning.
    var messages: [Message] {
        get throws {
            try sent.map { try PeerMessage(decoding: $0.bytes, group: $0.group).message }
        }
    }

    /// A message of a peer, as an event.
    func from(
        _ peer: UInt64,
        term: UInt64,
        _ body: MessageBody,
        isStateBehind: Bool = false,
        entries: [Entry] = []
    ) -> ConsensusEvent {
        .received(
            from: NodeID(peer),
            group: .directory,
            bytes: bytes(
                from: peer,
                term: term,
                body,
                isStateBehind: isStateBehind,
                entries: entries
            )
        )
    }

    /// The bytes of a message of a peer.
    func bytes(
        from peer: UInt64,
        term: UInt64,
        _ body: MessageBody,
        isStateBehind: Bool = false,
        entries: [Entry] = []
    ) -> [UInt8] {
        let message = Message(
            group: .directory,
            from: NodeID(peer),
            to: node.identity.node,
            term: Term(term),
            body: body
        )
        return PeerMessage(
            message: message,
            wallMilliseconds: 1_790_000_000_000,
            isStateBehind: isStateBehind,
            entries: entries.map(\.bytes)
        ).encode()
    }

    /// The founding entry.
    var first: Entry {
        Entry.make(
            cluster: genesis.cluster,
            group: .directory,
            position: Genesis.position,
            kind: .configuration(genesis.configuration),
            featureLevel: Genesis.featureLevel,
            now: 0,
            random: (genesis.cluster.high, genesis.cluster.low),
            previousHash: .zero
        )
    }

    /// The no-op of a leader, behind the founding entry.
    func noOp(term: UInt64, index: UInt64 = 2, after previous: Entry? = nil) -> Entry {
        Entry.make(
            cluster: genesis.cluster,
            group: .directory,
            position: LogPosition(index: LogIndex(index), term: Term(term)),
            kind: .noOp,
            featureLevel: 1,
            now: 0,
            random: (1, 2),
            previousHash: (previous ?? first).hash
        )
    }

    /// An append of these entries, behind the founding entry where no other is named.
    func append(
        _ entries: [Entry],
        after previous: Entry? = nil,
        commit: UInt64 = 1
    ) -> MessageBody {
        let previous = previous ?? first
        return .appendEntries(
            AppendEntries(
                previous: previous.header.position,
                previousHash: previous.hash,
                entries: entries.map(\.header),
                commitIndex: LogIndex(commit)
            )
        )
    }

    /// A command of somebody.
    func command(_ request: UInt64, tenant: UInt64 = 0) -> WaitingCommand {
        let envelope = CommandEnvelope(
            principal: .operator(name: Array("op".utf8)),
            tenant: TenantID(tenant),
            identity: .none,
            command: .openSession(OpenSession(slots: 1))
        )
        return WaitingCommand(
            key: RequestKey(connection: 1, request: request),
            tenant: TenantID(tenant),
            envelope: envelope,
            deadline: .max
        )
    }
}
