import CadastreDisk
import CadastreProtocol
import RaftCore
import Testing

@testable import CadastreStateMachine

/// Files of earlier programs.
struct MigrationTests {
    /// Makes of a closed database what a program of schema 1 left.
    private func makeFirst(_ disk: SimulatedDisk) throws {
        let path = "data/state/first.sqlite"
        let connection = try Connection(path: path, files: VirtualFiles(disk))
        try connection.configure(cacheSizeBytes: 1 << 20, newPageSize: 4_096)
        try connection.execute("ATTACH 'data/state/state.sqlite' AS newer")
        try connection.execute("BEGIN IMMEDIATE")
        for text in Schema.migrations[0] { try connection.execute(text) }
        for table in [
            "identity", "system", "tenants", "tenant_usage", "grants", "buckets", "bucket_usage",
            "sessions", "slots",
        ] {
            try connection.execute("INSERT INTO \(table) SELECT * FROM newer.\(table)")
        }
        try connection.execute("INSERT INTO bodies SELECT sequence,body FROM newer.objects")
        try connection.execute(
            """
            INSERT INTO main.objects
                SELECT bucket,key,sequence,size,etag,modified,body_hash FROM newer.objects
            """
        )
        try connection.execute("PRAGMA application_id=\(Schema.applicationID)")
        try connection.execute("PRAGMA user_version=1")
        try connection.execute("COMMIT")
        try connection.execute("DETACH newer")
        try connection.close()
        disk.setContents("data/state/state.sqlite", try #require(disk.contents(path)))
    }

    @Test
    func `a database of schema 1 is brought to the newest with every row`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk)
        for number in 0..<300 { try world.put(bytes("key-\(number)"), etag: "\(number)") }
        try world.machine.close()
        let (applied, digest) = (world.machine.applied, world.machine.digest)
        try makeFirst(disk)

        world.machine = try makeMachine(disk)
        #expect(world.machine.applied == applied)
        #expect(world.machine.digest == digest)
        #expect(try world.machine.recomputeDigest().digest == digest)
        #expect(try world.machine.integrityProblems() == [])
        try Schema.check(world.machine.rows.connection)
        #expect(try world.put(bytes("key-7")).refusal == nil)
        try world.machine.close()
        world.machine = try makeMachine(disk)
        #expect(try world.machine.recomputeDigest().digest == world.machine.digest)
    }

    @Test
    func `an image of schema 1 is staged`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk)
        for number in 0..<50 { try world.put(bytes("key-\(number)")) }
        try world.machine.close()
        try makeFirst(disk)
        let copy = SimulatedDisk(seed: 2)
        try copy.createDirectory("data/state")
        copy.setContents(
            "data/state/received",
            try #require(disk.contents("data/state/state.sqlite"))
        )
        let state = try StateMachine.stage(
            path: "data/state/received",
            on: copy,
            identity: testIdentity,
            expecting: world.machine.applied,
            digest: world.machine.digest
        )
        while try !state.step(maximumRows: 16) {}
        #expect(state.verified?.digest == world.machine.digest)
    }
}
