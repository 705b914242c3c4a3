import CadastreDisk
import CadastreProtocol
import Glibc
import RaftCore
import TestLanes
import Testing

@testable import CadastreStateMachine

/// A file from another node: verified, made this node's, put in the place of its state.
@Suite(.heavy)
struct StagingTests {
    private let staged = "data/snapshots/received"
    private let own = StateMachineIdentity(
        cluster: testIdentity.cluster,
        node: NodeID(2),
        incarnation: Incarnation(high: 5, low: 6)
    )

    /// The state of another node, as its file and as the mark that the log has of it.
    private struct Sent {
        var world: World
        var image: StateImage
        var contents: [UInt8]
    }

    private func sent(objects: Int = 120) throws -> Sent {
        let disk = SimulatedDisk(seed: 9)
        var world = try World(disk, settings: StateMachineSettings(maximumDirtyRows: 30))
        for number in 0..<objects {
            try world.put(bytes("key-\(number)"))
            try world.machine.endOfTurn(idle: false)
        }
        let image = try world.machine.beginImage()
        return Sent(
            world: world,
            image: image,
            contents: try #require(disk.contents(image.path))
        )
    }

    private func receiver(_ contents: [UInt8], seed: UInt64 = 1) throws -> SimulatedDisk {
        let disk = SimulatedDisk(seed: seed)
        try disk.createDirectory("data/state")
        try disk.createDirectory("data/snapshots")
        disk.setContents(staged, contents)
        return disk
    }

    private func stage(
        _ disk: any Disk,
        _ image: StateImage,
        rows: Int = 50
    ) throws(StateMachineError) -> VerifiedState {
        let state = try StateMachine.stage(
            path: staged,
            on: disk,
            identity: own,
            expecting: image.applied,
            digest: image.digest
        )
        while try !state.step(maximumRows: rows) {}
        guard let verified = state.verified else { throw .unusableImage("it is not verified") }
        return verified
    }

    private func open(_ disk: any Disk) throws -> StateMachine {
        try StateMachine.open(directory: "data/state", on: disk, identity: own)
    }

    @Test(arguments: [1, 7, 100_000])
    func `an image becomes the state of another node, which goes on as the first does`(
        rows: Int
    ) throws {
        var sent = try sent()
        let disk = try receiver(sent.contents)
        let machine = try open(disk)
        try machine.apply(TestEntry(1, [], kind: .noOp))
        let access = machine.accessView.version
        let state = try stage(disk, sent.image, rows: rows)
        #expect(state.path == staged)
        #expect(!disk.paths.contains("\(staged)-wal"))
        try machine.install(state)
        #expect(!disk.paths.contains(staged))
        #expect(machine.applied == sent.image.applied)
        #expect(machine.durablyApplied == sent.image.applied)
        #expect(machine.digest == sent.image.digest)
        #expect(machine.clusterTime == sent.image.clusterTime)
        #expect(machine.accessView.version > access)
        #expect(machine.accessView.tenants == sent.world.machine.accessView.tenants)
        let put = sent.world.owner.next(
            .putObject(PutObject(bucket: bytes("photos"), key: bytes("more"), size: 1))
        )
        #expect(try machine.apply(put) == sent.world.machine.apply(put))
        #expect(machine.digest == sent.world.machine.digest)
        #expect(try machine.integrityProblems() == [])
        try machine.close()
        #expect(try open(disk).digest == sent.world.machine.digest)
        #expect(failure { _ = try makeMachine(disk) } == .foreign(found: own))
    }

    @Test
    func `an image that is not newer than the state is refused, and the state goes on`() throws {
        let sent = try sent()
        let disk = try receiver(sent.contents)
        let machine = try open(disk)
        for index in 1...sent.image.applied.index.value {
            try machine.apply(TestEntry(index, [], kind: .noOp))
        }
        let state = try stage(disk, sent.image)
        guard case .unusableImage = failure(of: { try machine.install(state) }) else {
            Issue.record("an old image was installed")
            return
        }
        try machine.apply(TestEntry(machine.applied.index.value + 1, [], kind: .noOp))
        try machine.commit()
    }

    @Test
    func `another entry, another digest or another cluster than was expected is refused`() throws {
        let sent = try sent()
        let disk = try receiver(sent.contents)
        var later = sent.image
        later.applied.index = later.applied.index.next
        var other = sent.image
        other.digest += StateDigest(high: 0, low: 1)
        for image in [later, other] {
            guard case .unusableImage = failure(of: { _ = try stage(disk, image) }) else {
                Issue.record("it was taken")
                return
            }
            #expect(disk.contents(staged) == sent.contents)
        }
        var foreign = own
        foreign.cluster = ClusterID(high: 11, low: 23)
        let error = failure {
            _ = try StateMachine.stage(
                path: staged,
                on: disk,
                identity: foreign,
                expecting: sent.image.applied,
                digest: sent.image.digest
            )
        }
        #expect(error == .foreign(found: testIdentity))
        #expect(disk.contents(staged) == sent.contents)
        #expect(try stage(disk, sent.image).digest == sent.image.digest)
    }

    /// What may be done to a database, in SQL.
    static let changes = [
        "CREATE TABLE more(id INTEGER)",
        "CREATE TRIGGER evil AFTER DELETE ON objects BEGIN DELETE FROM slots; END",
        "CREATE VIEW evil AS SELECT * FROM objects",
        "CREATE INDEX evil ON objects(abs(size))",
        "DROP INDEX buckets_by_name",
        "ALTER TABLE grants ADD COLUMN evil DEFAULT (randomblob(1000000000))",
        "PRAGMA user_version=0",
        "PRAGMA user_version=99",
        "PRAGMA application_id=1",
        "DELETE FROM identity",
        "DELETE FROM system",
        "UPDATE system SET sequence=sequence+1",
        "UPDATE system SET voters=x'00'",
        "UPDATE objects SET size=size+1 WHERE key=x'6b65792d37'",
        "UPDATE objects SET body=x'00' WHERE sequence=(SELECT max(sequence) FROM objects)",
        "UPDATE sessions SET principal=x'09'",
    ]

    @Test(arguments: changes)
    func `a database that is not exactly ours is refused`(change: String) throws {
        let sent = try sent()
        let disk = try receiver(sent.contents)
        let connection = try Connection(path: staged, files: VirtualFiles(disk))
        try connection.configure(cacheSizeBytes: 1 << 20)
        try connection.execute(change)
        try connection.close()
        guard case .unusableImage = failure(of: { _ = try stage(disk, sent.image) }) else {
            Issue.record("it was taken")
            return
        }
    }

    @Test
    func `an index that does not hold what its table does is refused`() throws {
        let sent = try sent()
        let needle = bytes("photos")
        let places = sent.contents.indices.filter { sent.contents[$0...].starts(with: needle) }
        // The bucket's row, and its two indices.
        #expect(places.count == 3)
        for place in places {
            var contents = sent.contents
            contents[place] ^= 1
            let disk = try receiver(contents)
            guard case .unusableImage = failure(of: { _ = try stage(disk, sent.image) }) else {
                Issue.record("byte \(place) may be anything")
                return
            }
        }
    }

    @Test
    func `no bytes make it trap or go on for ever`() throws {
        let sent = try sent(objects: 400)
        var generator = SplitMix64(seed: 3)
        var refused = 0
        func attempt(_ contents: [UInt8]) throws {
            let disk = try receiver(contents)
            switch failure(of: { _ = try stage(disk, sent.image) }) {
            case nil: break
            case .unusableImage, .foreign: refused += 1
            case let error: Issue.record("\(String(describing: error))")
            }
        }
        for size in [0, 1, 99, 100, 512, 4_095, 4_096, 4_097, 20_000] {
            try attempt(Array(sent.contents.prefix(size)))
            try attempt([UInt8](repeating: 7, count: size))
        }
        let pages = sent.contents.count / 8_192
        for round in 0..<500 {
            var contents = sent.contents
            let page = generator.next(below: pages) * 8_192
            switch round % 4 {
            case 0:
                let place = generator.next(below: contents.count)
                contents[place] ^= UInt8(1 << generator.next(below: 8))
            case 1:
                // A page's head: its kind, how many cells, where they lie.
                let place = page + generator.next(below: 16)
                contents[place] = UInt8(generator.next(below: 256))
            case 2:
                // Another page in its place: pages that lead to themselves, or to each other.
                let other = generator.next(below: pages) * 8_192
                for place in 0..<8_192 { contents[page + place] = contents[other + place] }
            default:
                for place in 0..<8_192 {
                    contents[page + place] = UInt8(generator.next(below: 256))
                }
            }
            try attempt(contents)
        }
        #expect(refused > 300)
    }

    @Test
    func `reading that does not end is ended`() throws {
        let disk = SimulatedDisk(seed: 1)
        let connection = try Connection(path: "endless", files: VirtualFiles(disk))
        connection.limitWork(to: 100_000)
        let error = failure {
            try connection.execute(
                """
                WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) \
                SELECT count(*) FROM c
                """
            )
        }
        guard case .sqlite(let cause) = error else {
            Issue.record("it ended")
            return
        }
        #expect(cause.code == 9 && !cause.isEnvironment)
    }

    @Test
    func `on a real disk too, and the lock is on the file that is the state now`() throws {
        let sent = try sent()
        let (directory, disk) = ("/tmp/cadastre-staging-\(getpid())", PosixDisk())
        let arrival = "\(directory)-arrival"
        try disk.createDirectory(arrival)
        defer {
            try? removeAll(directory)
            try? removeAll(arrival)
        }
        try disk.replace("received", in: arrival, with: sent.contents)
        let machine = try StateMachine.open(directory: directory, on: disk, identity: own)
        try machine.apply(TestEntry(1, [], kind: .noOp))
        try machine.commit()
        let state = try StateMachine.stage(
            path: "\(arrival)/received",
            on: disk,
            identity: own,
            expecting: sent.image.applied,
            digest: sent.image.digest
        )
        while try !state.step(maximumRows: 40) {}
        try machine.install(#require(state.verified))
        #expect(machine.digest == sent.image.digest)
        #expect(try machine.recomputeDigest().digest == machine.digest)
        let second = failure {
            _ = try StateMachine.open(directory: directory, on: disk, identity: own)
        }
        #expect(second == .inUse)
        #expect(try disk.list(arrival).isEmpty)
        try machine.close()
        #expect(try StateMachine.setAside(directory: directory, on: disk) != nil)
        #expect(try disk.list(directory) == ["state.sqlite.aside"])
    }

    // MARK: Crashes and failures

    /// The state of the receiver before: some entries, not all of them in its main file.
    private func prepared(_ sent: Sent, seed: UInt64) throws -> (SimulatedDisk, StateMachine) {
        let disk = try receiver(sent.contents, seed: seed)
        let machine = try open(disk)
        for index in 1...3 as ClosedRange<UInt64> {
            try machine.apply(TestEntry(index, [], kind: .noOp))
        }
        try machine.checkpoint()
        let session = CommandEnvelope(
            principal: .operator(name: bytes("root")),
            tenant: .none,
            identity: .none,
            command: .openSession(OpenSession(slots: 4))
        )
        for _ in 0..<3 { try machine.apply(session) }
        try machine.commit()
        return (disk, machine)
    }

    /// The state after a restart: the old one, or the new one, whole; and that it goes on.
    private func isNew(_ disk: SimulatedDisk, _ sent: Sent) throws -> Bool {
        let machine = try open(disk)
        defer { try? machine.close() }
        #expect(try machine.recomputeDigest().digest == machine.digest)
        #expect(try machine.integrityProblems() == [])
        let isNew = machine.applied == sent.image.applied
        if isNew {
            #expect(machine.digest == sent.image.digest)
        } else {
            #expect((3...6).contains(machine.applied.index.value))
        }
        #expect(!disk.paths.contains("data/state/state.sqlite.install"))
        try machine.apply(TestEntry(machine.applied.index.value + 1, [], kind: .noOp))
        try machine.commit()
        return isNew
    }

    @Test
    func `a crash at any disk operation leaves the old state whole or the new one`() throws {
        let sent = try sent(objects: 60)
        let (trial, machine) = try prepared(sent, seed: 1)
        let first = trial.statistics.operations
        try machine.install(stage(trial, sent.image))
        let operations = trial.statistics.operations - first
        #expect(operations > 30)
        var outcomes: [Bool] = []
        for nth in 1...operations {
            for round in 0..<4 as Range<UInt64> {
                let (disk, machine) = try prepared(sent, seed: UInt64(nth) * 4 + round)
                disk.crash(atOperation: nth)
                #expect(throws: StateMachineError.self) {
                    try machine.install(stage(disk, sent.image))
                }
                disk.restart()
                outcomes.append(try isNew(disk, sent))
            }
        }
        #expect(outcomes.contains(true) && outcomes.contains(false))
    }

    @Test(
        arguments: [.rename, .syncDirectory, .remove, .open, .write, .sync, .exists, .lock, .read]
            as [SimulatedDisk.Fallible]
    )
    func `a failure of any disk call leaves the old state whole or the new one`(
        kind: SimulatedDisk.Fallible
    ) throws {
        let sent = try sent(objects: 60)
        for nth in 1...12 {
            let (disk, machine) = try prepared(sent, seed: UInt64(nth))
            disk.fail(kind, nth: nth)
            let error = failure { try machine.install(stage(disk, sent.image)) }
            switch error {
            case .imageFailed, .unusableImage:
                // Nothing happened: the machine goes on.
                try machine.apply(TestEntry(machine.applied.index.value + 1, [], kind: .noOp))
                try machine.commit()
                #expect(machine.applied.index == LogIndex(7))
                continue
            case .terminal: break
            case nil: #expect(disk.failures.isEmpty || machine.applied == sent.image.applied)
            default: Issue.record("\(String(describing: error))")
            }
            disk.forgetFaults()
            disk.crash()
            disk.restart()
            _ = try isNew(disk, sent)
        }
    }

    @Test
    func `a disk without room for a staged file's changes says so`() throws {
        let sent = try sent()
        let disk = try receiver(sent.contents)
        disk.capacity = disk.usedBytes
        guard case .imageFailed(let cause) = failure(of: { _ = try stage(disk, sent.image) }) else {
            Issue.record("there was room")
            return
        }
        #expect(cause.isDiskFull)
    }

    /// Not the file's fault: it is not to be thrown away (simulation, seed 6).
    @Test(arguments: [1, 1_213, 4_096, 9_000, 20_000])
    func `whatever room is missing, the disk is to blame`(room: Int) throws {
        let sent = try sent()
        let disk = try receiver(sent.contents)
        disk.capacity = disk.usedBytes + room
        let error = failure { _ = try stage(disk, sent.image) }
        guard let error else { return }
        guard case .imageFailed(let cause) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(cause.isDiskFull)
    }

    @Test
    func `want of room is never the fault of a staged file, however much of it is there`() throws {
        let sent = try sent()
        var isEnough = false
        for room in stride(from: 0, to: 40_000, by: 500) {
            let disk = try receiver(sent.contents)
            disk.capacity = disk.usedBytes + room
            do {
                _ = try stage(disk, sent.image)
                isEnough = true
            } catch .imageFailed(let cause) where cause.isDiskFull && !isEnough {
                continue
            } catch {
                Issue.record("with \(room) bytes: \(error)")
            }
        }
        #expect(isEnough)
    }

    @Test
    func `a staged file that is this node's own already needs no room to be staged again`() throws {
        let sent = try sent()
        let disk = try receiver(sent.contents)
        let machine = try open(disk)
        _ = try stage(disk, sent.image)
        disk.capacity = disk.usedBytes
        try machine.install(stage(disk, sent.image))
        #expect(machine.applied == sent.image.applied)
    }

    @Test
    func `the log of an interrupted staging goes into no other file`() throws {
        let sent = try sent()
        let disk = try receiver(sent.contents)
        let connection = try Connection(path: staged, files: VirtualFiles(disk))
        try connection.configure(cacheSizeBytes: 1 << 20)
        try connection.execute("DELETE FROM objects")
        try connection.files.flush()
        connection.abandon()
        #expect(disk.contents("\(staged)-wal")?.isEmpty == false)
        disk.setContents(staged, sent.contents)
        #expect(try stage(disk, sent.image).digest == sent.image.digest)
    }

    // MARK: Setting aside

    @Test
    func `a database is set aside with its log, one generation is kept`() throws {
        let sent = try sent()
        let (disk, machine) = try prepared(sent, seed: 1)
        #expect(failure { try StateMachine.setAside(directory: "data/state", on: disk) } == .inUse)
        let path = "data/state/state.sqlite"
        let files = [disk.contents(path), disk.contents("\(path)-wal")]
        disk.endProcess()
        disk.restart()
        withExtendedLifetime(machine) {}
        disk.setContents("\(path).aside", [1])
        disk.setContents("\(path).aside-wal", [2])
        #expect(
            try StateMachine.setAside(directory: "data/state", on: disk) == "\(path).aside"
        )
        #expect([disk.contents("\(path).aside"), disk.contents("\(path).aside-wal")] == files)
        #expect(try StateMachine.setAside(directory: "data/state", on: disk) == nil)
        #expect(try open(disk).applied == .zero)
    }

    @Test
    func `a crash while it is set aside leaves the old state or none, never a mixture`() throws {
        let sent = try sent()
        var outcomes: Set<Bool> = []
        for nth in 1...12 {
            for round in 0..<6 as Range<UInt64> {
                let (disk, machine) = try prepared(sent, seed: UInt64(nth) * 6 + round)
                let path = "data/state/state.sqlite"
                disk.setContents("\(path).aside-wal", [2])
                let (applied, digest) = (machine.applied, machine.digest)
                disk.endProcess()
                disk.restart()
                disk.crash(atOperation: nth)
                _ = failure { try StateMachine.setAside(directory: "data/state", on: disk) }
                disk.crash()
                disk.restart()
                let next = try open(disk)
                #expect(try next.recomputeDigest().digest == next.digest)
                if next.applied == applied { #expect(next.digest == digest) }
                #expect(next.applied == .zero || next.applied.index >= LogIndex(3))
                outcomes.insert(next.applied == .zero)
            }
        }
        #expect(outcomes.count == 2)
    }
}
