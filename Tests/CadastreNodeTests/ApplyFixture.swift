import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import CadastreStorage
import RaftCore

@testable import CadastreNode

/// An apply stage over a disk in memory, tenants with objects in it, and entries for it.
struct ApplyFixture {
    let disk: SimulatedDisk
    let stage: ApplyStage
    /// Of the last turn.
    var output = ApplyOutput()
    /// Of the last turn.
    var now: UInt64 = 1_000_000_000
    /// The entries made so far, of which the first has index 1.
    private(set) var entries: [Entry] = []
    /// By tenant, from 1: its session and the newest sequence of slot 0.
    private var sessions: [UInt64: (session: UInt64, sequence: UInt64)] = [:]
    private static let identity = StateMachineIdentity(
        cluster: ClusterID(high: 1, low: 2),
        node: NodeID(1),
        incarnation: Incarnation(high: 3, low: 4)
    )

    /// A stage with tenants named t1, t2 …, each with a bucket of its name in front of "-bucket",
    /// and in each so many objects, named 0, 1 ….
    init(
        settings: NodeSettings = NodeSettings(),
        tenants: Int = 1,
        objects: Int = 0
    ) throws {
        disk = SimulatedDisk(seed: 1)
        stage = ApplyStage(
            stateMachine: try StateMachine.open(
                directory: "state",
                on: disk,
                identity: Self.identity,
                settings: settings.stateMachine
            ),
            settings: settings,
            markFile: StateMarkFile(directory: "state", disk: disk),
            stateMark: nil
        )
        let root = Principal.operator(name: bytes("root"))
        let administration = try execute(root, 0, .none, .openSession(OpenSession(slots: 1))).number
        for tenant in 1...UInt64(tenants) {
            let create = CreateTenant(name: bytes("t\(tenant)"), quota: Quota())
            let slot = RequestIdentity.slot(session: administration, slot: 0, sequence: tenant)
            _ = try execute(root, 0, slot, .createTenant(create))
            let open = Command.openSession(OpenSession(slots: 1))
            let session = try execute(Self.owner(tenant), tenant, .none, open).number
            sessions[tenant] = (session, 0)
            _ = try execute(next(.createBucket(CreateBucket(name: Self.bucket(tenant))), tenant))
            for number in 0..<objects { _ = try execute(put("\(number)", tenant)) }
        }
        _ = try stage.idle()
        turn()
    }

    static func owner(_ tenant: UInt64) -> Principal {
        .tenant(tenant: bytes("t\(tenant)"), name: bytes("owner"))
    }

    static func bucket(_ tenant: UInt64) -> [UInt8] { bytes("t\(tenant)-bucket") }

    // MARK: Commands

    /// The next command of a tenant.
    mutating func next(_ command: Command, _ tenant: UInt64) -> CommandEnvelope {
        var session = sessions[tenant] ?? (0, 0)
        session.sequence += 1
        sessions[tenant] = session
        return CommandEnvelope(
            principal: Self.owner(tenant),
            tenant: TenantID(tenant),
            identity: .slot(session: session.session, slot: 0, sequence: session.sequence),
            command: command
        )
    }

    /// A put into the tenant's bucket.
    mutating func put(_ key: String, _ tenant: UInt64 = 1) -> CommandEnvelope {
        next(
            .putObject(PutObject(bucket: Self.bucket(tenant), key: bytes(key), size: 1)),
            tenant
        )
    }

    private mutating func execute(
        _ principal: Principal,
        _ tenant: UInt64,
        _ identity: RequestIdentity,
        _ command: Command
    ) throws -> Reply {
        try execute(
            CommandEnvelope(
                principal: principal,
                tenant: TenantID(tenant),
                identity: identity,
                command: command
            )
        )
    }

    /// Applies one command in an entry of its own.
    mutating func execute(_ envelope: CommandEnvelope) throws -> Reply {
        let entry = entry([envelope], keys: [RequestKey(connection: 7, request: 0)])
        turn(.entries([entry]))
        guard case .command(let reply) = output.replies.first?.content else { throw NoReply() }
        return reply
    }

    /// A command was not answered.
    struct NoReply: Error {}

    /// The next entry.
    mutating func entry(
        _ commands: [CommandEnvelope],
        keys: [RequestKey?] = []
    ) -> CommittedEntry {
        var block = BlockBuilder()
        for command in commands { _ = block.add(command.encode()) }
        let entry = Entry.make(
            cluster: Self.identity.cluster,
            group: .directory,
            position: LogPosition(index: LogIndex(UInt64(entries.count + 1)), term: Term(1)),
            kind: commands.isEmpty ? .noOp : .commands,
            featureLevel: 1,
            now: Self.moment(of: LogIndex(UInt64(entries.count + 1))),
            random: (UInt64(entries.count), 5),
            previousHash: entries.last?.hash ?? .zero,
            block: commands.isEmpty ? nil : block.finish()
        )
        entries.append(entry)
        return CommittedEntry(entry: entry, keys: keys)
    }

    /// What the leader's clock said at an entry: milliseconds since 1970.
    static func moment(of index: LogIndex) -> UInt64 { 1_790_000_000_000 + index.value }

    /// The entries from this index on, as they come a second time.
    func again(from index: LogIndex) -> [CommittedEntry] {
        entries.dropFirst(Int(index.value) - 1).map { CommittedEntry(entry: $0, keys: []) }
    }

    // MARK: Turns

    /// One turn; a failure of it is a trap here.
    mutating func turn(_ events: ApplyEvent...) {
        do {
            try attempt(events)
        } catch {
            fatalError("\(error)")
        }
    }

    /// One turn with what is left for after it, 1 ms after the last.
    mutating func attempt(_ events: [ApplyEvent]) throws {
        try begin(events)
        try followUp()
    }

    /// One turn without what is left for after it.
    mutating func begin(_ events: [ApplyEvent]) throws {
        output.removeAll()
        now += 1_000_000
        var events = events
        try stage.turn(&events, at: Moment(monotonic: now, wall: 0), into: &output)
    }

    /// What the last turn left; its report replaces that of the turn where it loses a transaction.
    mutating func followUp() throws {
        var later = ApplyOutput()
        try stage.followUp(at: Moment(monotonic: now, wall: 0), into: &later)
        if let lost = later.report?.reapplyFrom { output.report?.reapplyFrom = lost }
    }

    /// Turns as long as something is left; all replies together.
    mutating func settle() -> [OutgoingReply] {
        var replies = output.replies
        while output.hasMore {
            turn(.resume)
            replies += output.replies
        }
        return replies
    }

    // MARK: Queries

    /// A list of all objects of a tenant.
    func list(
        _ request: UInt64,
        tenant: UInt64 = 1,
        connection: UInt64 = 1,
        deadline: UInt64 = .max
    ) -> WaitingQuery {
        WaitingQuery(
            key: RequestKey(connection: connection, request: request),
            principal: Self.owner(tenant),
            tenant: TenantID(tenant),
            query: .listObjects(ObjectListing(bucket: Self.bucket(tenant))),
            deadline: deadline
        )
    }

    /// Who was answered, in order.
    var answered: [UInt64] {
        output.replies.compactMap { reply in
            switch reply.content {
            case .answer, .page: reply.key.request
            default: nil
            }
        }
    }

    /// Who was refused with this.
    func refused(_ refusal: Refusal) -> [UInt64] {
        output.replies.compactMap { reply in
            if case .refused(refusal, _) = reply.content { reply.key.request } else { nil }
        }
    }
}

/// Bytes of a text.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
