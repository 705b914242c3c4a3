import CadastreDisk
import CadastreProtocol
import Testing

@testable import CadastreStateMachine

/// Objects that are stored in runs, beside a dictionary that is obviously right.
struct RunTests {
    private typealias Model = [[UInt8]: (size: UInt64, etag: String)]

    private func key(_ number: Int) -> [UInt8] { bytes("key-\(10_000 + number)") }

    private func expect(
        _ world: World,
        _ model: Model,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        var found: Model = [:]
        for number in 0..<600 {
            let query = Query.getObject(bucket: bytes("photos"), key: key(number))
            guard case .success(.object(let object)) = try world.ask(query) else { continue }
            found[key(number)] = (object.size, String(decoding: object.etag, as: UTF8.self))
        }
        #expect(found.count == model.count, sourceLocation: location)
        for (key, expected) in model {
            let row = try #require(found[key], sourceLocation: location)
            #expect(row == expected, sourceLocation: location)
        }
        let digest = world.machine.digest
        #expect(try world.machine.recomputeDigest().digest == digest, sourceLocation: location)
    }

    @Test
    func `keys put in order are rewritten where they lie, not searched for one by one`() throws {
        var world = try World()
        for number in 0..<500 { try world.put(key(number)) }
        try world.machine.commit()
        #expect(world.machine.rows.rewrittenObjects == 0)
        for number in 0..<500 { try world.put(key(number), size: 7) }
        try world.machine.commit()
        #expect(world.machine.rows.rewrittenObjects == 500)
    }

    @Test
    func `one of many rows that changes is searched for, and no row is passed`() throws {
        var world = try World()
        for number in 0..<500 { try world.put(key(number)) }
        try world.machine.commit()
        let read = world.machine.rowsRead
        for number in stride(from: 0, to: 500, by: 10) { try world.put(key(number), size: 7) }
        try world.machine.commit()
        #expect(world.machine.rows.rewrittenObjects == 0)
        // Each put asks for the row that it replaces unless it is remembered; one looks ahead.
        #expect(world.machine.rowsRead - read <= 51)
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `what is new, gone, shorter or longer between what is rewritten is stored as well`(
        seed: UInt64
    ) throws {
        let disk = SimulatedDisk(seed: seed)
        var world = try World(disk, settings: StateMachineSettings(maximumDirtyRows: 200))
        var generator = SplitMix64(seed: seed)
        var model: Model = [:]
        var rewritten: UInt64 = 0
        for round in 0..<16 {
            // From here on in order, of which some are left out: none to most.
            let first = Int(generator.next() % 300)
            let leftOut = generator.next() % 5
            for number in first..<first + Int(generator.next() % 300) {
                guard generator.next() % 5 >= leftOut else { continue }
                if generator.next() % 9 == 0 {
                    try world.delete(key(number))
                    model[key(number)] = nil
                } else {
                    let size = UInt64(1) << (generator.next() % 40)
                    let etag = String(repeating: "e", count: Int(generator.next() % 30))
                    try world.put(key(number), size: size, etag: etag)
                    model[key(number)] = (size, etag)
                }
                if generator.next() % 3 == 0 { try world.machine.endOfTurn(idle: false) }
            }
            try world.machine.commit()
            guard round % 4 == 3 else { continue }
            try expect(world, model)
            rewritten += world.machine.rows.rewrittenObjects
            let digest = world.machine.digest
            try world.machine.close()
            world.machine = try makeMachine(disk)
            #expect(world.machine.digest == digest)
            try expect(world, model)
        }
        #expect(rewritten > 100)
    }

    @Test
    func `a statement that asks for new values and is given none changes nothing`() throws {
        let world = try World()
        try world.machine.checkpoint()
        let connection = world.machine.rows.connection
        let text = "UPDATE OR FAIL system SET sequence=new_value(1) WHERE stops_at()"
        let statement = try Statement(text, on: connection)
        #expect(failure { _ = try statement.step() } != nil)
        final class Silent: RowVisitor {
            override func stops(at row: borrowing VisitedRow) -> Bool { true }
        }
        #expect(failure { _ = try statement.step(visitor: Silent()) } != nil)
        #expect(try world.machine.recomputeDigest().digest == world.machine.digest)
    }
}
