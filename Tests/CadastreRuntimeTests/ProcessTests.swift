import CadastreNode
import Foundation
import Glibc
import RaftCore
import Synchronization
import Testing

@testable import CadastreRuntime

@Suite
struct OpenFileTests {
    private static func bounds(_ connections: Int) -> Settings.Bounds {
        Settings.Bounds(
            connections: connections,
            administrationConnections: 64,
            connectionsPerIdentity: 1,
            requestsPerConnection: 1,
            requestsPerTenant: 1,
            queueSize: 1,
            peerQueueSize: 1,
            replySize: 1
        )
    }

    @Test
    func `bounds that the process cannot keep are refused with what would do`() {
        do throws(NodeError) {
            try OpenFiles.check(Self.bounds(2_000), allowed: 2_500)
            Issue.record("taken")
        } catch {
            #expect(error.exitCode == .configuration)
            #expect(error.description.contains("limit.connections is 2000"))
            // What the message proposes is taken.
            let advised = error.description.split(separator: " ").last.flatMap { Int($0) } ?? 0
            #expect(advised > 0)
            #expect(throws: Never.self) {
                try OpenFiles.check(Self.bounds(advised), allowed: 2_500)
            }
            #expect(throws: NodeError.self) {
                try OpenFiles.check(Self.bounds(advised + 1), allowed: 2_500)
            }
        }
        #expect(throws: NodeError.self) { try OpenFiles.check(Self.bounds(1), allowed: 0) }
        #expect(throws: Never.self) { try OpenFiles.check(Self.bounds(100_000), allowed: .max) }
    }

    @Test
    func `the process takes as many as the system gives it`() {
        let allowed = OpenFiles.raise()
        var limit = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        #expect(limit.rlim_cur == limit.rlim_max)
        #expect(allowed == Int(clamping: limit.rlim_cur))
    }
}

@Suite
struct LogWriterTests {
    /// Somewhere to write that can be stopped.
    private final class Terminal: Sendable {
        private let text = Mutex("")
        let isStopped = Mutex(false)
        let bed = Bed()

        var all: String { text.withLock { $0 } }

        func write(_ lines: String) {
            if isStopped.withLock({ $0 }) { bed.sleep() }
            text.withLock { $0 += lines }
        }
    }

    @Test
    func `lines are written in order, by another thread`() {
        let terminal = Terminal()
        let writer = LogWriter { terminal.write($0) }
        for number in 0..<1_000 { writer.write("\(number)\n") }
        writer.drain(withinMilliseconds: 10_000)
        #expect(terminal.all == (0..<1_000).map { "\($0)\n" }.joined())
        #expect(writer.dropped == 0)
    }

    @Test
    func `who logs does not wait for who reads, and what is lost is counted and said`() {
        let terminal = Terminal()
        terminal.isStopped.withLock { $0 = true }
        let writer = LogWriter(maximumSize: 1_000) { terminal.write($0) }
        let line = String(repeating: "x", count: 99) + "\n"
        for _ in 0..<100 { writer.write(line) }
        // At most what one write has taken and what waits behind it.
        #expect((80...90).contains(writer.dropped))
        terminal.isStopped.withLock { $0 = false }
        terminal.bed.wake()
        writer.drain(withinMilliseconds: 10_000)
        let lines = terminal.all.split(separator: "\n")
        let said = lines.filter { $0.contains("\(writer.dropped) lines were dropped") }
        #expect(said.count == 1)
        #expect(UInt64(lines.count - 1) + writer.dropped == 100)
    }
}

@Suite(.serialized)
struct ReloadSignalTests {
    @Test
    func `a hang-up before there is anybody to call is not lost and ends nothing`() async {
        let signal = ReloadSignal.shared
        signal.listen()
        let (calls, call) = AsyncStream.makeStream(of: Void.self)
        kill(getpid(), SIGHUP)
        signal.begin { call.yield() }
        var received = calls.makeAsyncIterator()
        await received.next()
        kill(getpid(), SIGHUP)
        await received.next()
        signal.end()
    }
}

@Suite
struct DataFolderTests {
    @Test
    func `a data folder within the folder of another node is refused`() throws {
        let folder = try TemporaryFolder()
        func plan(_ directory: String) throws -> NodePlan {
            try NodePlan.read(
                file: TestFolder.shared.path + "/cadastred.json",
                environment: [:],
                flags: ["node.directory=\(folder.path)/\(directory)", "storage.segment_mib=16"]
            )
        }
        try plan("one").found()
        for directory in ["one/two", "one/journal", "one/a/b/c", "one/x/../two"] {
            let plan = try plan(directory)
            do throws(NodeError) {
                try plan.found()
                Issue.record("founded in \(directory)")
            } catch {
                #expect(error.exitCode == .configuration)
                #expect(error.description.contains("\(folder.path)/one,"))
            }
        }
        // Beside it is well.
        try plan("one-more").found()
    }
}
