import CadastreDisk
import CadastreProtocol
import RaftCore
import Testing

@testable import CadastreStateMachine

/// A copy of the file while transactions go on.
struct ImageTests {
    private let path = "data/state/state.sqlite"
    private let settings = StateMachineSettings(
        maximumDirtyRows: 20,
        checkpointSizeBytes: 100_000,
        maximumImageLogBytes: 4_000_000
    )

    @Test
    func `while it is held no byte of the main file changes, whatever is applied`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk, settings: settings)
        for number in 0..<200 { try world.put(bytes("before-\(number)")) }
        let image = try world.machine.beginImage()
        let before = try #require(disk.contents(path))
        #expect(image.path == path)
        #expect(image.size == before.count)
        #expect(image.applied == world.machine.applied)
        #expect(image.digest == world.machine.digest)
        #expect(image.applied == world.machine.durablyApplied)
        for number in 0..<400 {
            try world.put(bytes("after-\(number * 7_919 % 1_000)"))
            try world.delete(bytes("before-\(number)"))
            try world.machine.endOfTurn(idle: number % 50 == 0)
        }
        #expect(world.machine.isImageHeld)
        #expect(world.machine.statistics.logPages * 8_192 > settings.checkpointSizeBytes)
        #expect(disk.contents(path) == before)
        world.machine.endImage()
        try world.machine.endOfTurn(idle: true)
        #expect(disk.contents(path) != before)
        #expect(world.machine.durablyApplied == world.machine.applied)
        #expect(world.machine.statistics.imagesGivenUp == 0)
    }

    @Test
    func `opening the database anew after a lost transaction leaves the main file as it is`()
        throws
    {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk, settings: settings)
        for number in 0..<50 { try world.put(bytes("before-\(number)")) }
        _ = try world.machine.beginImage()
        let before = try #require(disk.contents(path))
        for number in 0..<60 {
            try world.put(bytes("after-\(number)"))
            try world.machine.endOfTurn(idle: false)
        }
        try world.machine.commit()
        try world.put(bytes("lost"))
        disk.fail(.write, nth: 1)
        guard case .mustReapply = failure(of: { try world.machine.commit() }) else {
            Issue.record("a failed write was not noticed")
            return
        }
        #expect(world.machine.isImageHeld)
        #expect(disk.contents(path) == before)
        world.owner.sequence -= 1
        try world.put(bytes("lost"))
        try world.machine.commit()
        #expect(world.machine.isImageHeld)
        #expect(disk.contents(path) == before)
        // Nor does SQLite move the log when its last connection ends.
        world.machine.rows.connection.abandon()
        #expect(disk.contents(path) == before)
    }

    @Test
    func `a checkpoint that fails is no image`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk, settings: settings)
        try world.machine.commit()
        try world.put(bytes("a"))
        disk.fail(.write, nth: 2)
        guard case .mustReapply = failure(of: { _ = try world.machine.beginImage() }) else {
            Issue.record("there is an image without its checkpoint")
            return
        }
        #expect(!world.machine.isImageHeld)
    }

    @Test
    func `past its budget the image is given up, and another can begin`() throws {
        let disk = SimulatedDisk(seed: 1)
        var small = settings
        small.maximumImageLogBytes = 300_000
        var world = try World(disk, settings: small)
        try world.machine.commit()
        _ = try world.machine.beginImage()
        let before = disk.contents(path)
        var turns = 0
        while world.machine.isImageHeld {
            turns += 1
            try world.put(bytes("key-\(turns)"))
            try world.machine.endOfTurn(idle: false)
            try #require(turns < 10_000)
        }
        #expect(disk.contents(path) != before)
        #expect(world.machine.statistics.imagesGivenUp == 1)
        #expect(world.machine.statistics.logPages == 0)
        let image = try world.machine.beginImage()
        #expect(image.applied == world.machine.applied)
        #expect(world.machine.isImageHeld)
        try world.machine.close()
        #expect(!world.machine.isImageHeld)
    }

    @Test
    func `the room that the log took for an image is given back`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk, settings: settings)
        try world.machine.commit()
        _ = try world.machine.beginImage()
        for number in 0..<1_000 {
            try world.put(bytes("key-\(number)"))
            try world.machine.endOfTurn(idle: false)
        }
        #expect(try #require(disk.contents("\(path)-wal")).count > 1_000_000)
        world.machine.endImage()
        try world.machine.endOfTurn(idle: true)
        #expect(disk.contents("\(path)-wal") == [])
        try world.put(bytes("one more"))
        try world.machine.commit()
        #expect(try #require(disk.contents("\(path)-wal")).count <= settings.checkpointSizeBytes)
    }

    @Test
    func `a full disk ends it, and the log is emptied once it may be`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk, settings: settings)
        for number in 0..<50 { try world.put(bytes("key-\(number)")) }
        _ = try world.machine.beginImage()
        try world.put(bytes("a"))
        try world.machine.commit()
        disk.capacity = disk.usedBytes
        let error = failure {
            for number in 0..<1_000 {
                try world.put(bytes("more-\(number)"))
                try world.machine.endOfTurn(idle: false)
            }
        }
        guard case .mustReapply = error else {
            Issue.record("the full disk was not noticed")
            return
        }
        #expect(!world.machine.isImageHeld)
        try world.machine.endOfTurn(idle: true)
        #expect(world.machine.durablyApplied == world.machine.applied)
        #expect(!world.machine.isOutOfSpace)
    }

    @Test
    func `after a crash what was committed meanwhile is there, and no image`() throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            let disk = SimulatedDisk(seed: seed)
            var world = try World(disk, settings: settings)
            for number in 0..<30 { try world.put(bytes("key-\(number)")) }
            let image = try world.machine.beginImage()
            for number in 0..<100 {
                try world.put(bytes("after-\(number)"))
                try world.machine.endOfTurn(idle: false)
            }
            disk.crash()
            disk.restart()
            let machine = try makeMachine(disk, settings: settings)
            #expect(!machine.isImageHeld)
            #expect(machine.applied >= image.applied)
            #expect(try machine.recomputeDigest().digest == machine.digest)
        }
    }
}
