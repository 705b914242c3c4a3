import Foundation
import Testing

@testable import cadastre

/// What is random in a bench, from fixed seeds.
@Suite
struct `Bench distributions` {
    @Test(arguments: KeyShape.allCases)
    func `keys are as their shape says, and no two are the same`(shape: KeyShape) throws {
        let keys = (0..<UInt64(2_000)).map { shape.key($0) }
        #expect(Set(keys).count == keys.count)
        #expect(keys.allSatisfy { 1...1024 ~= $0.count })
        let pattern =
            switch shape {
            case .plain: "bench/[0-9]{58}"
            case .hashed: "[0-9a-f]{16}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
            case .hive:
                "warehouse/db[0-3]/table[0-9]{2}/dt=2025-[0-9-]{5}/hour=[0-9]{2}/"
                    + "part-[0-9]{5}-[0-9a-f-]{36}[.]parquet"
            case .backup: "vm-[0-9]{4}/2025-[0-9-]{5}/chunk-[0-9]{6}"
            case .media: "[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{40}[.]jpg"
            case .logs:
                "AWSLogs/123456789012/CloudTrail/eu-west-3/2025/[0-9]{2}/[0-9]{2}/"
                    + "123456789012_CloudTrail_eu-west-3_2025[0-9]{4}T[0-9]{4}Z_[0-9a-f]{18}"
                    + "[.]json[.]gz"
            case .long: ".*"
            }
        let expected = try Regex(pattern)
        for key in keys.prefix(100) {
            let text = try #require(String(validating: key, as: UTF8.self))
            #expect(text.wholeMatch(of: expected) != nil, "\(text)")
        }
        switch shape {
        case .plain, .logs:
            #expect(zip(keys, keys.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
        case .long:
            #expect(keys.allSatisfy { 200...900 ~= $0.count })
            #expect(keys.allSatisfy { key in key.count { $0 >= 0x80 } * 5 > key.count })
        case .hashed, .hive, .backup, .media: break
        }
    }

    @Test(arguments: KeyShape.allCases)
    func `a page of keys can be expected under a prefix`(shape: KeyShape) {
        let page = 100
        let keys = (0..<UInt64(5_000)).map { shape.key($0) }
        let prefix = shape.prefix(1_234, holding: page, of: 5_000)
        #expect(keys[1_234].starts(with: prefix))
        let held = keys.count { $0.starts(with: prefix) }
        #expect(held * 10 >= page * 9, "\(held) under \(String(decoding: prefix, as: UTF8.self))")
    }

    @Test
    func `folders are as deep as is asked, or as there are`() {
        func folder(_ depth: Int) -> String {
            String(decoding: KeyShape.backup.folder(7, depth: depth), as: UTF8.self)
        }
        #expect(folder(0) == "")
        #expect(folder(1) == "vm-0007/")
        #expect(folder(2) == "vm-0007/2025-01-01/")
        #expect(folder(6) == folder(2))
    }

    @Test(arguments: [0.5, 0.9, 0.99])
    func `ranks are as often as Zipf's law has it`(theta: Double) {
        let (count, draws) = (UInt64(1000), 50_000)
        let law = ZipfLaw(count: count, theta: theta)
        var numbers = SeededNumbers(seed: 7)
        var counts = [Double](repeating: 0, count: Int(count))
        for _ in 0..<draws { counts[Int(law.rank(numbers.unit()))] += 1 }
        func power(_ rank: Int) -> Double { 1 / pow(Double(rank), theta) }
        let sum = (1...Int(count)).map(power).reduce(0, +)
        for ranks in [1...1, 2...2, 1...10, 11...100, 101...1000] {
            let expected = ranks.map(power).reduce(0, +) / sum
            let share = ranks.map { counts[$0 - 1] }.reduce(0, +) / Double(draws)
            #expect(abs(share - expected) < 0.03, "ranks \(ranks): \(share), not \(expected)")
        }
    }

    @Test(arguments: [1, 2, 3, 10_000_000_000] as [UInt64])
    func `every rank is one of them`(count: UInt64) {
        let law = ZipfLaw(count: count, theta: 0.99)
        for unit in [0, 0.1, 0.5, 0.9, 0.999_999_999_999] { #expect(law.rank(unit) < count) }
        #expect(law.rank(0) == 0)
    }

    @Test
    func `the newest keys are used most`() {
        let places = Places(1000, .random, .zipf, theta: 0.99)
        var numbers = SeededNumbers(seed: 1)
        let drawn = (0..<10_000).map { places.place($0, &numbers) }
        #expect(drawn.allSatisfy { $0 < 1000 })
        #expect(drawn.count { $0 >= 900 } > 6_000)
        #expect(drawn.count { $0 == 999 } > drawn.count { $0 == 0 } * 10)
    }

    @Test
    func `sizes are log-normal`() {
        var numbers = SeededNumbers(seed: 3)
        let sizes = (0..<20_000).map { _ in ObjectMaker.size(&numbers) }.sorted()
        #expect(25_000...36_000 ~= sizes[10_000])
        let small = Double(sizes.count { $0 < 1_000_000 }) / 20_000
        #expect(abs(small - 0.85) < 0.01)
    }
}
