import Testing

@testable import CadastreClient
@testable import cadastre

/// What a bench asks for, and how its clients share sessions and connections.
@Suite
struct `Bench requests` {
    private let bucket = Array("bench".utf8)

    private func maker(_ kind: Bench.Kind, _ words: [String] = []) throws -> RequestMaker {
        RequestMaker(kind, try BenchVerbs.Put.parse(words).load, bucket)
    }

    private func puts(_ operation: BenchOperation) -> [[UInt8]] {
        operation.requests.compactMap { request in
            guard case .command(.putObject(let put)) = request.content else { return nil }
            return put.key
        }
    }

    @Test
    func `the records are those of the numbers to beat`() throws {
        #expect(RequestMaker.key(0).count == 64)
        #expect(RequestMaker.key(9_999_999_999).count == 64)
        #expect(RequestMaker.key(42).suffix(4) == Array("0042".utf8)[...])
        #expect(try BenchVerbs.Put.parse([]).load.valueSize == 256)
    }

    @Test
    func `a batch is so many puts of neighbours`() throws {
        let keys = puts(try maker(.batch(100)).operation(7))
        #expect(keys.count == 100)
        #expect(Set(keys).count == 100)
        #expect(keys == keys.sorted { $0.lexicographicallyPrecedes($1) })
    }

    @Test
    func `batches in order follow one another`() throws {
        let maker = try maker(.batch(10), ["--keys", "sequential"])
        let keys = (0..<3).flatMap { puts(maker.operation($0)) }
        #expect(keys == (0..<30).map { RequestMaker.key($0) })
    }

    @Test(arguments: [(1, 1), (2, 10), (10, 10), (11, 100), (100, 100), (1000, 1000)])
    func `a list asks for a page under a prefix that holds one`(page: Int, held: UInt64) throws {
        let operation = try maker(.list(page)).operation(0)
        guard case .query(.listObjects(let list)) = operation.requests.first?.content else {
            Issue.record("no list: \(operation)")
            return
        }
        #expect(list.maximum == page)
        let keys = (0..<UInt64(100_000)).lazy.map { RequestMaker.key($0) }
        #expect(keys.count { $0.starts(with: list.prefix) } == held)
    }

    @Test
    func `the same seed asks for the same`() throws {
        func keys(_ seed: String) throws -> [[UInt8]] {
            let maker = try maker(.put, ["--seed", seed])
            return (0..<50).flatMap { puts(maker.operation($0)) }
        }
        #expect(try keys("1") == keys("1"))
        #expect(try keys("1") != keys("2"))
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
}
