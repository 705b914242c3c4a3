import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import Testing

/// Bounds of the state that take many rows to reach; of sessions in `SessionTests`.
struct LimitTests {
    @Test
    func `a tenant has so many grants and no more, and a revoked one makes room`() throws {
        var world = try World()
        func grant(_ number: Int) throws -> Reply {
            let service = bytes("s\(number)")
            return try world.machine.apply(
                world.administrator.next(
                    .grantService(GrantService(tenant: bytes("acme"), service: service))
                )
            )
        }
        let maximum = StateLimits.maximumGrantsPerTenant
        for number in 0..<maximum { #expect(try grant(number).refusal == nil) }
        #expect(try grant(maximum).refusal == .tooManyGrants)
        #expect(try grant(0) == .done())
        let revoke = RevokeService(tenant: bytes("acme"), service: bytes("s7"))
        let reply = try world.machine.apply(world.administrator.next(.revokeService(revoke)))
        #expect(reply.number == 1)
        #expect(try grant(maximum).refusal == nil)
    }

    /// A hundred thousand tenants take too long here: rows that say so stand in for them.
    @Test
    func `no tenant is created beyond the bound`() throws {
        let rows = MemoryRows()
        rows.pretendedTenants = StateLimits.maximumTenants - 1
        let applier = Applier(rows, key: testKey)
        let entry = TestEntry(1, [])
        let root = Principal.operator(name: bytes("root"))
        let session = try applier.apply(
            CommandEnvelope(
                principal: root,
                tenant: .none,
                identity: .none,
                command: .openSession(OpenSession(slots: 1))
            ),
            in: entry.context
        ).number
        func create(_ name: String, _ sequence: UInt64) throws -> Refusal? {
            try applier.apply(
                CommandEnvelope(
                    principal: root,
                    tenant: .none,
                    identity: .slot(session: session, slot: 0, sequence: sequence),
                    command: .createTenant(CreateTenant(name: bytes(name), quota: Quota()))
                ),
                in: entry.context
            ).refusal
        }
        #expect(try create("last", 1) == nil)
        #expect(try create("one-too-many", 2) == .tooManyTenants)
    }

    @Test(arguments: CommandTag.allCases)
    func `only what stores more is refused on the reserve`(tag: CommandTag) {
        #expect(tag.isGrowing == [.createBucket, .putObject, .batch].contains(tag))
    }
}
