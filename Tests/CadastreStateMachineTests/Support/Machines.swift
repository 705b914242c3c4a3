import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import RaftCore

/// The identity of every machine in these tests, unless one says otherwise.
let testIdentity = StateMachineIdentity(
    cluster: ClusterID(high: 11, low: 22),
    node: NodeID(1),
    incarnation: Incarnation(high: 33, low: 44)
)

let testKey = RowHashKey(cluster: testIdentity.cluster)

/// Bytes of a text.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The machine of the directory; on a disk of its own, a new one.
func makeMachine(
    _ disk: any Disk = SimulatedDisk(seed: 1),
    directory: String = "data/state",
    settings: StateMachineSettings = StateMachineSettings()
) throws -> StateMachine {
    try StateMachine.open(
        directory: directory,
        on: disk,
        identity: testIdentity,
        settings: settings
    )
}

/// An entry of the log as these tests keep it.
struct TestEntry {
    var context: EntryContext
    var commands: [CommandEnvelope]

    init(_ index: UInt64, _ commands: [CommandEnvelope], kind: EntryKind = .commands) {
        var generator = SplitMix64(seed: index)
        context = EntryContext(
            position: LogPosition(index: LogIndex(index), term: Term(1)),
            kind: kind,
            now: 0,
            random: (generator.next(), generator.next()),
            featureLevel: 1
        )
        self.commands = commands
    }
}

extension StateMachine {
    /// Applies an entry and returns its replies.
    @discardableResult
    func apply(_ entry: TestEntry) throws -> [Reply] {
        var replies: [Reply] = []
        try apply(entry.context, commands: entry.commands, into: &replies)
        return replies
    }

    /// Applies one command in an entry of its own.
    @discardableResult
    func apply(_ command: CommandEnvelope) throws -> Reply {
        try apply(TestEntry(applied.index.value + 1, [command]))[0]
    }
}

/// Somebody with a session: makes envelopes with the next sequence of slot 0.
struct Caller {
    var principal: Principal
    var tenant = TenantID.none
    var session: UInt64 = 0
    var sequence: UInt64 = 0

    init(_ principal: Principal, on machine: StateMachine, tenant: TenantID = .none) throws {
        self.principal = principal
        self.tenant = tenant
        session = try machine.apply(
            CommandEnvelope(
                principal: principal,
                tenant: tenant,
                identity: .none,
                command: .openSession(OpenSession(slots: 4))
            )
        ).number
    }

    mutating func next(_ command: Command) -> CommandEnvelope {
        sequence += 1
        return CommandEnvelope(
            principal: principal,
            tenant: tenant,
            identity: .slot(session: session, slot: 0, sequence: sequence),
            command: command
        )
    }
}

/// A machine with one tenant, "acme", one bucket, "photos", and callers for both kinds of work.
struct World {
    var machine: StateMachine
    var administrator: Caller
    var owner: Caller

    init(
        _ disk: any Disk = SimulatedDisk(seed: 1),
        directory: String = "data/state",
        settings: StateMachineSettings = StateMachineSettings(),
        quota: Quota = Quota()
    ) throws {
        machine = try makeMachine(disk, directory: directory, settings: settings)
        administrator = try Caller(.operator(name: bytes("root")), on: machine)
        let tenant = try machine.apply(
            administrator.next(.createTenant(CreateTenant(name: bytes("acme"), quota: quota)))
        )
        owner = try Caller(
            .tenant(tenant: bytes("acme"), name: bytes("alice")),
            on: machine,
            tenant: TenantID(tenant.number)
        )
        try machine.apply(owner.next(.createBucket(CreateBucket(name: bytes("photos")))))
    }

    @discardableResult
    mutating func put(
        _ key: [UInt8],
        size: UInt64 = 1,
        etag: String = "e",
        if precondition: Precondition? = nil
    ) throws -> Reply {
        try machine.apply(
            owner.next(
                .putObject(
                    PutObject(
                        bucket: bytes("photos"),
                        key: key,
                        size: size,
                        etag: bytes(etag),
                        precondition: precondition
                    )
                )
            )
        )
    }

    @discardableResult
    mutating func delete(_ key: [UInt8], if precondition: Precondition? = nil) throws -> Reply {
        try machine.apply(
            owner.next(
                .deleteObject(
                    DeleteObject(bucket: bytes("photos"), key: key, precondition: precondition)
                )
            )
        )
    }

    func ask(_ query: Query) throws -> Result<Answer, Refusal> {
        try machine.answer(query, tenant: owner.tenant, principal: owner.principal)
    }
}
