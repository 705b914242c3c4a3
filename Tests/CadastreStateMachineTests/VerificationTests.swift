import CadastreDisk
import CadastreProtocol
import RaftCore
import TestLanes
import Testing

@testable import CadastreStateMachine

/// The digest recomputed from the rows, in slices between which entries are applied.
@Suite(.heavy)
struct VerificationTests {
    @Test(arguments: [1, 2, 7, 50, 10_000])
    func `slices between entries find what one reading finds`(slice: Int) throws {
        let machine = try makeMachine(settings: StateMachineSettings(maximumDirtyRows: 40))
        var workload = Workload(seed: UInt64(slice))
        var applied = 0
        func step() throws {
            let envelope = workload.next()
            workload.received(try machine.apply(envelope), to: envelope)
            try machine.endOfTurn(idle: applied % 50 == 0)
            applied += 1
        }
        while applied < 3_000 { try step() }
        var readings = 0
        while applied < 6_000 {
            try machine.beginVerification()
            var found: VerifiedRows?
            while found == nil {
                try step()
                try step()
                found = try machine.continueVerification(maximumRows: slice)
            }
            try #require(found?.difference == .zero)
            #expect(found?.damage == nil)
            #expect(try machine.recomputeDigest().rows == found?.rows)
            readings += 1
        }
        #expect(readings > 3)
        #expect(!machine.isVerifying)
    }

    /// What may go wrong with rows, in SQL, and what is said about it.
    static let damage: [(statement: String, words: String?)] = [
        ("UPDATE objects SET body=x'00' WHERE key=x'37'", "body of"),
        ("UPDATE objects SET body=x'' WHERE key=x'37'", "body of"),
        ("UPDATE objects SET size=size+1 WHERE key=x'37'", nil),
        ("UPDATE objects SET etag=x'00' WHERE key=x'37'", nil),
        ("DELETE FROM objects WHERE key=x'37'", nil),
        ("UPDATE slots SET number=number+1", nil),
        ("UPDATE sessions SET seen=7", nil),
        ("UPDATE sessions SET principal=x'09'", "principal"),
        ("UPDATE tenants SET status=9", "status"),
        ("UPDATE tenants SET quota_bytes=1", nil),
        ("DELETE FROM tenant_usage", nil),
        ("UPDATE bucket_usage SET objects=objects+1", nil),
        ("UPDATE buckets SET epoch=2", nil),
        ("INSERT INTO grants VALUES(1,x'41')", nil),
    ]

    @Test(arguments: damage)
    func `a row that is not what was applied is reported, and the machine goes on`(
        statement: String,
        words: String?
    ) throws {
        var world = try World()
        for number in 0..<30 { try world.put(bytes("\(number)")) }
        try world.put(bytes("7"))
        try world.machine.commit()
        try world.machine.rows.connection.execute(statement)
        try world.machine.beginVerification()
        var found: VerifiedRows?
        while found == nil { found = try world.machine.continueVerification(maximumRows: 4) }
        #expect(found?.difference != .zero)
        if let words {
            #expect(found?.damage?.contains(words) == true, "\(String(describing: found))")
        }
        #expect(try world.put(bytes("later")).refusal == nil)
    }

    @Test
    func `what rotted and was read is reported although it is written over meanwhile`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk)
        for number in 10..<40 { try world.put(bytes("\(number)")) }
        // Opened anew, it remembers no row.
        try world.machine.close()
        world.machine = try makeMachine(disk)
        try world.machine.rows.connection.execute("UPDATE objects SET size=9 WHERE key=x'3130'")
        try world.machine.beginVerification()
        #expect(try world.machine.continueVerification(maximumRows: 5) == nil)
        try world.put(bytes("10"))
        try world.delete(bytes("10"))
        var found: VerifiedRows?
        while found == nil { found = try world.machine.continueVerification(maximumRows: 5) }
        // The put took away what it read, and that was never added: the digest kept does not forget.
        #expect(found?.difference != .zero)
        #expect(try world.machine.recomputeDigest().digest != world.machine.digest)
    }

    @Test
    func `a lost transaction ends a reading without a result`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk)
        try world.machine.commit()
        try world.put(bytes("a"))
        try world.machine.beginVerification()
        #expect(world.machine.isVerifying)
        disk.fail(.write, nth: 1)
        guard case .mustReapply = failure(of: { try world.machine.commit() }) else {
            Issue.record("a failed write was not noticed")
            return
        }
        #expect(!world.machine.isVerifying)
        #expect(try world.machine.continueVerification(maximumRows: 5) == nil)
    }
}
