import ArgumentParser
import CadastreProtocol
import Testing

@testable import CadastreClient
@testable import cadastre

/// What a bench asks for, and how its clients share sessions and connections.
@Suite
struct `Bench requests` {
    private let bucket = Array("bench".utf8)

    private func load(_ words: [String]) throws -> BenchVerbs.LoadOptions {
        try BenchVerbs.Put.parse(words).load
    }

    private func maker(_ kind: Bench.Kind, _ words: [String] = []) throws -> RequestMaker {
        RequestMaker(BenchPlan(kind, try load(words)))
    }

    private func maker(_ id: WorkloadID, _ words: [String] = []) throws -> RequestMaker {
        RequestMaker(try BenchPlan(id, try load(words)))
    }

    private func puts(_ operation: BenchOperation) -> [[UInt8]] {
        switch try? operation.request.content {
        case .command(.putObject(let put)): [put.key]
        case .command(.batch(let batch)): batch.operations.map(\.object.key)
        case .command, .query, .administration, nil: []
        }
    }

    private func get(_ operation: BenchOperation) -> [UInt8]? {
        guard case .query(.getObject(_, let key)) = try? operation.request.content else {
            return nil
        }
        return key
    }

    @Test
    func `the records are those of the numbers to beat`() throws {
        #expect(KeyShape.plain.key(0).count == 64)
        #expect(KeyShape.plain.key(9_999_999_999).count == 64)
        #expect(KeyShape.plain.key(42).suffix(4) == Array("0042".utf8)[...])
        let plan = BenchPlan(.put, try load([]))
        #expect(plan.valueSize == 256 && plan.shape == .plain && plan.keyCount == 100_000)
        #expect(plan.bucket == bucket && plan.popularity == .uniform && plan.rate == nil)
        #expect(BenchPlan(.mixed, try load([])).keyCount == 64)
    }

    @Test
    func `a batch is so many puts of neighbours`() throws {
        let operation = try maker(.batch(100)).operation(7)
        #expect(operation.records == 100)
        let keys = puts(operation)
        #expect(keys.count == 100)
        #expect(Set(keys).count == 100)
        #expect(keys == keys.sorted { $0.lexicographicallyPrecedes($1) })
    }

    @Test
    func `batches in order follow one another`() throws {
        let maker = try maker(.batch(10), ["--keys", "sequential"])
        let keys = (0..<3).flatMap { puts(maker.operation($0)) }
        #expect(keys == (0..<30).map { KeyShape.plain.key($0) })
    }

    @Test(arguments: [(1, 1), (2, 10), (10, 10), (11, 100), (100, 100), (1000, 1000)])
    func `a list asks for a page under a prefix that holds one`(page: Int, held: Int) throws {
        let operation = try maker(.list(page)).operation(0)
        guard case .query(.listObjects(let list)) = try operation.request.content else {
            Issue.record("no list: \(operation)")
            return
        }
        #expect(list.maximum == page)
        let keys = (0..<UInt64(100_000)).lazy.map { KeyShape.plain.key($0) }
        #expect(keys.count { $0.starts(with: list.prefix) } == held)
    }

    @Test(arguments: [Bench.Kind.put, .get, .list(100), .batch(3)])
    func `the same seed asks for the same`(kind: Bench.Kind) throws {
        func requests(_ seed: String) throws -> [RequestContent] {
            let words = ["--seed", seed, "--popularity", "zipf", "--sizes", "log-normal"]
            let maker = try maker(kind, words)
            return try (0..<50).map { try maker.operation($0).request.content }
        }
        #expect(try requests("1") == requests("1"))
        #expect(try requests("1") != requests("2"))
    }

    @Test(arguments: [
        (4, 64, [4]), (4, 1024, [4]), (4, 1025, [2, 2]), (16, 4096, [4, 4, 4, 4]),
        (5, 4096, [2, 1, 1, 1]), (1, 4096, [1]), (64, 65_536, [16, 16, 16, 16]),
    ])
    func `connections are shared by as many sessions as there is to send`(
        connections: Int,
        outstanding: Int,
        shares: [Int]
    ) {
        #expect(BenchClients.connections(connections, outstanding: outstanding) == shares)
    }

    // MARK: Workloads

    @Test(arguments: [
        (WorkloadID.w5, "object locks"), (.w6, "versions"), (.w7, "multipart"),
        (.w10, "DeleteObjects"), (.w11, "key-value face"), (.w12, "breaks nodes"),
    ])
    func `a workload that cannot be done says what it waits for`(
        id: WorkloadID,
        feature: String
    ) throws {
        let failure = #expect(throws: Failure.self) { try BenchPlan(id, try load([])) }
        #expect(failure?.status == .usage)
        #expect(failure?.sentence.contains(feature) == true)
        #expect(failure?.sentence.contains(id.rawValue) == true)
    }

    @Test
    func `a refused workload ends with exit code 64 and without a cluster`() throws {
        let result = try Tool.run(["bench", "workload", "W7", "--json"])
        #expect(result.code == 64)
        #expect(try result.errorCode() == 64)
        #expect(result.errors.contains("waits for multipart uploads"))
    }

    @Test
    func `the help names every workload`() {
        let help = BenchVerbs.WorkloadVerb.helpMessage(columns: 200)
        for id in WorkloadID.allCases { #expect(help.contains("  \(id.rawValue)  "), "\(id)") }
    }

    @Test(arguments: [WorkloadID.w1, .w2, .w3, .w4, .w8, .w9])
    func `a workload does what its mix says`(id: WorkloadID) throws {
        let plan = try BenchPlan(id, try load([]))
        let maker = RequestMaker(plan)
        var counts: [OperationKind: Double] = [:]
        for number in 0..<UInt64(3_000) {
            counts[maker.operation(number, of: number % 2).kind, default: 0] += 1
        }
        // Who swaps was told nothing, and so only reads.
        let expected = id == .w8 ? [.get: 100] : plan.mix.percentages
        #expect(Set(counts.keys) == Set(expected.keys))
        for (kind, share) in expected {
            #expect(abs((counts[kind] ?? 0) / 30 - share) < 4, "\(kind)")
        }
    }

    @Test
    func `options say otherwise than a workload does`() throws {
        let plan = try BenchPlan(.w1, try load([]))
        #expect(plan.rate == 1000 && plan.shape == .media && plan.popularity == .zipf)
        #expect(plan.bucket == Array("bench-k4".utf8) && !plan.leftOut.isEmpty)
        let words = ["--rate", "0", "--shape", "K2", "--popularity", "uniform", "--bucket", "b-1"]
        let other = try BenchPlan(.w1, try load(words))
        #expect(other.rate == nil && other.shape == .hive && other.popularity == .uniform)
        #expect(other.bucket == Array("b-1".utf8))
        #expect(try BenchPlan(.w3, try load([])).bursts == Arrivals.Bursts())
        #expect(try BenchPlan(.w3, try load(["--rate", "0"])).bursts == nil)
    }

    @Test
    func `three heads of ten ask for what never was`() throws {
        let maker = try maker(.w2)
        let heads = (0..<3_000).map { maker.operation($0) }.filter { $0.kind == .head }
        let absent = heads.compactMap { get($0) }.count { $0.last == UInt8(ascii: "~") }
        #expect(abs(Double(absent) / Double(heads.count) - 0.3) < 0.05)
    }

    @Test
    func `an ingest puts new keys and asks for what it put`() throws {
        let maker = try maker(.w3)
        var put: Set<[UInt8]> = []
        for number in 0..<1_000 {
            let operation = maker.operation(UInt64(number))
            if let key = puts(operation).first {
                #expect(put.insert(key).inserted)
            } else if let key = get(operation), key.last != UInt8(ascii: "~"), !put.isEmpty {
                #expect(put.contains(key))
            }
        }
    }

    @Test
    func `a swap puts over what it has read`() throws {
        let maker = try maker(.w8)
        let read = maker.operation(0, of: 5)
        let key = try #require(get(read))
        read.answered?(.refused(Refused(.noSuchObject)))
        #expect(maker.operation(1, of: 6).kind == .get)
        let swap = maker.operation(2, of: 5)
        guard case .command(.putObject(let put)) = try swap.request.content else {
            Issue.record("no put: \(swap)")
            return
        }
        #expect(put.key == key && put.precondition == .ifAbsent)
        #expect(maker.operation(3, of: 5).kind == .get)
    }

    @Test
    func `who commits goes on behind the commits of others`() throws {
        let log = CommitLog("1")
        #expect(log.next == 0)
        log.answered(0, .refused(Refused(.preconditionFailed)))
        log.answered(0, .unknown("lost"))
        #expect(log.next == 1)
        let key = String(decoding: log.key(7), as: UTF8.self)
        #expect(key.hasSuffix("/_delta_log/00000000000000000007.json"))
    }
}
