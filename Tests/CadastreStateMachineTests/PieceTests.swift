import CadastreDisk
import CadastreProtocol
import RaftCore
import Testing

@testable import CadastreStateMachine

/// Transactions whose contents are fixed, and that are stored in pieces between later entries.
struct PieceTests {
    @Test
    func `what is stored in pieces is the state as of one entry`() throws {
        let disk = SimulatedDisk(seed: 1)
        let settings = StateMachineSettings(maximumDirtyRows: 100)
        var world = try World(disk, settings: settings)
        try world.machine.commit()
        var digests: [LogPosition: StateDigest] = [:]
        var pieces = 0
        for number in 0..<2_000 {
            try world.put(bytes("key-\(number * 7_919 % 1_000)"), etag: "\(number)")
            digests[world.machine.applied] = world.machine.digest
            try world.machine.endOfTurn(idle: false)
            if world.machine.rows.isStoring { pieces += 1 }
        }
        #expect(pieces > 300)
        #expect(world.machine.statistics.commits > 10)
        // A crash of the process: what the operating system has is there.
        let copy = SimulatedDisk(copying: disk, seed: 2)
        let machine = try makeMachine(copy, settings: settings)
        #expect(machine.applied < world.machine.applied)
        #expect(machine.digest == digests[machine.applied])
        #expect(try machine.recomputeDigest().digest == machine.digest)
    }

    @Test
    func `what is written at once ends what is being stored, and no checkpoint meets it`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(
            disk,
            settings: StateMachineSettings(
                maximumDirtyRows: 60,
                maximumDirtyBytes: 60_000,
                checkpointSizeBytes: 50_000
            )
        )
        var interrupted = 0
        for number in 0..<1_500 {
            if world.machine.rows.isStoring, number % 3 == 0 {
                interrupted += 1
                try world.machine.apply(
                    world.owner.next(.createBucket(CreateBucket(name: bytes("bucket-\(number)"))))
                )
            } else {
                // Now and then one that makes the next transaction due before this one is stored.
                let size = number % 50 == 0 ? 60_000 : 10
                let put = PutObject(
                    bucket: bytes("photos"),
                    key: bytes("key-\(number * 7_919 % 1_000)"),
                    size: 1,
                    locations: [UInt8](repeating: UInt8(number & 255), count: size)
                )
                try world.machine.apply(world.owner.next(.putObject(put)))
            }
            try world.machine.endOfTurn(idle: false)
            #expect(world.machine.rows.connection.files.logSize < 1_000_000)
        }
        #expect(interrupted > 20)
        #expect(world.machine.statistics.reapplications == 0)
        #expect(world.machine.statistics.checkpoints > 10)
        #expect(world.machine.durablyApplied > .zero)
        #expect(try world.machine.recomputeDigest().digest == world.machine.digest)
    }

    @Test
    func `few objects that change for ever are committed`() throws {
        var world = try World(settings: StateMachineSettings(maximumDirtyBytes: 20_000))
        try world.machine.commit()
        let before = world.machine.statistics.commits
        for number in 0..<3_000 {
            try world.put(bytes("hot"), etag: "\(number)")
            try world.machine.endOfTurn(idle: false)
        }
        #expect(world.machine.statistics.commits - before > 10)
    }
}
