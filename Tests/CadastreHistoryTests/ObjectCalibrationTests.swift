import Testing

@testable import CadastreHistory

/// Hand-made histories of buckets and tenants with the verdict that each must get.
@Suite
struct ObjectCalibrationTests {
    static let good: [Example] = [
        Example("put, get, delete, get") { history in
            history.put(1, "k", "v1", 1...2)
            history.get(2, "k", "v1", 3...4)
            history.delete(1, "k", true, 5...6)
            history.get(2, "k", nil, 7...8)
            history.delete(1, "k", false, 9...10)
        },
        Example("conditions that hold, and that do not") { history in
            history.put(1, "k", "v1", 1...2, if: .absent)
            history.put(2, "k", "v2", 3...4, if: .absent, .refused("preconditionFailed"))
            history.put(2, "k", "v2", 5...6, if: .match(["v0", "v1"]))
            history.put(1, "k", "v3", 7...8, if: .match(["v1"]), .refused("preconditionFailed"))
            history.put(1, "n", "v3", 7...8, if: .present, .refused("noSuchObject"))
            history.get(1, "k", "v2", 9...10)
        },
        Example("a list meets a put") { history in
            history.put(1, "a", "v1", 1...2)
            history.put(1, "b", "v2", 3...9)
            history.list(2, ["a=v1"], 4...5)
            history.list(2, ["a=v1", "b=v2"], 6...7)
            history.usage(3, 2, 8...9)
        },
        Example("pages") { history in
            for (number, key) in ["a", "b1", "b2", "c"].enumerated() {
                let time = UInt64(number) * 10
                history.put(1, key, "v\(number)", time...time + 1)
            }
            history.list(2, ["a=v0", "b1=v1"], 50...51, maximum: 2, isTruncated: true)
            history.list(2, ["b2=v2", "c=v3"], 52...53, after: "b1", maximum: 2)
            history.list(2, ["b1=v1", "b2=v2"], 54...55, prefix: "b")
            history.list(2, ["b2=v2"], 56...57, prefix: "b", after: "b1")
            history.list(2, [], 58...59, maximum: 0)
        },
        Example("a quota, and what shrinks above it") { history in
            history.put(1, "a", "v1", 1...2)
            history.put(1, "b", "v2", 3...4)
            history.quota(9, objects: 1, 5...6)
            history.put(1, "c", "v3", 7...8, .refused("quotaExceeded"))
            history.put(1, "a", "v4", 9...10)
            history.delete(1, "b", true, 11...12)
            history.delete(1, "a", true, 13...14)
            history.put(1, "c", "v5", 15...16)
        },
        Example("a quota that nobody told of") { history in
            history.put(1, "a", "v1", 1...2, .refused("quotaExceeded"))
            history.get(1, "a", nil, 3...4)
        },
        Example("a bucket comes and goes") { history in
            history.add(1, .get(Telling.place("k")), .refused("noSuchBucket"), 1...2)
            history.add(1, .createBucket("b"), .done(.happened), 3...4)
            history.add(2, .createBucket("b"), .refused("bucketOwnedByYou"), 5...6)
            history.put(1, "k", "v1", 7...8)
            history.add(1, .deleteBucket("b"), .refused("bucketNotEmpty"), 9...10)
            history.delete(1, "k", true, 11...12)
            history.add(1, .deleteBucket("b"), .done(.happened), 13...14)
            history.add(1, .get(Telling.place("k")), .refused("noSuchBucket"), 15...16)
        },
        Example("a bucket that nobody ever created") { history in
            history.add(1, .get(Telling.place("k")), .refused("noSuchBucket"), 1...2)
            history.list(1, [], 1...2)
            history.operations[1].outcome = .refused("noSuchBucket")
        },
        Example("a bucket from before is deleted") { history in
            history.delete(1, "k", false, 1...2)
            history.add(1, .deleteBucket("b"), .done(.happened), 3...4)
            history.add(1, .get(Telling.place("k")), .refused("noSuchBucket"), 5...6)
        },
        Example("an unknown delete makes room for a put if there is none") { history in
            history.put(1, "k", "v1", 1...2)
            history.delete(1, "k", nil, 3...3)
            history.put(2, "k", "v2", 5...6, if: .absent)
        },
        Example("an unknown put shows in the usage alone") { history in
            history.put(1, "a", "v1", 1...2)
            history.put(1, "b", "v2", 3...3, .unknown)
            history.put(1, "c", "v3", 4...4, .unknown)
            history.usage(2, 2, 5...6)
        },
        Example("an object was there before") { history in
            history.add(
                0,
                .given(bucket: "b", key: Array("k".utf8)),
                .done(.object(Object(etag: "old", size: 1))),
                0...0
            )
            history.get(1, "k", "old", 1...2)
            history.list(1, ["k=old"], 3...4)
        },
        Example("a retry was answered at the index of its own entry") { history in
            history.put(1, "k", "v1", 1...20, index: 15, sequence: 10)
            history.put(2, "k", "v2", 2...9, index: 12, sequence: 12)
            history.get(3, "k", "v2", 21...22, index: 16, putSequence: 12)
        },
        Example("an old answer was asked for") { history in
            history.put(1, "k", "v1", 1...2, index: 10)
            history.put(1, "k", "v2", 1_000...1_001, index: 11)
            history.get(2, "k", "v1", 1_100...1_101, index: 10)
            history.operations[2].maximumAgeNanoseconds = 200
        },
    ]

    static let bad: [Example] = [
        Example("a stale get") { history in
            history.put(1, "k", "v1", 1...2)
            history.put(1, "k", "v2", 3...4)
            history.get(2, "k", "v1", 5...6)
        },
        Example("an acknowledged put is lost") { history in
            history.put(1, "k", "v1", 1...2)
            history.get(2, "k", nil, 3...4)
        },
        Example("a deleted object is back") { history in
            history.put(1, "k", "v1", 1...2)
            history.delete(1, "k", true, 3...4)
            history.get(2, "k", "v1", 5...6)
        },
        Example("an object that nobody put") { $0.get(2, "k", "v1", 5...6) },
        Example("two puts if there is none are both done") { history in
            history.put(1, "k", "v1", 1...5, if: .absent)
            history.put(2, "k", "v2", 2...6, if: .absent)
        },
        Example("two puts on one entity tag are both done") { history in
            history.put(1, "k", "v1", 1...2)
            history.put(1, "k", "v2", 3...8, if: .match(["v1"]))
            history.put(2, "k", "v3", 4...9, if: .match(["v1"]))
        },
        Example("a delete finds nothing where something is") { history in
            history.put(1, "k", "v1", 1...2)
            history.delete(1, "k", false, 3...4)
        },
        Example("a list misses an acknowledged put") { history in
            history.put(1, "a", "v1", 1...2)
            history.put(1, "b", "v2", 3...4)
            history.list(2, ["a=v1"], 5...6)
        },
        Example("a list is of two times: the later put without the earlier one") { history in
            history.put(1, "a", "v1", 1...2)
            history.put(1, "b", "v2", 3...4)
            history.put(2, "a", "v3", 5...6)
            history.put(2, "b", "v4", 7...8)
            history.list(3, ["a=v1", "b=v4"], 3...9)
        },
        Example("a page ends though more follows") { history in
            history.put(1, "a", "v1", 1...2)
            history.put(1, "b", "v2", 3...4)
            history.list(2, ["a=v1"], 5...6, maximum: 1)
        },
        Example("a page passes over a key") { history in
            history.put(1, "a", "v1", 1...2)
            history.put(1, "b", "v2", 3...4)
            history.put(1, "c", "v3", 5...6)
            history.list(2, ["a=v1", "c=v3"], 7...8, maximum: 2)
        },
        Example("the usage forgets a put") { history in
            history.put(1, "a", "v1", 1...2)
            history.put(1, "b", "v2", 3...4)
            history.usage(2, 1, 5...6)
        },
        Example("acknowledged puts exceed the quota") { history in
            history.quota(9, objects: 1, 1...2)
            history.put(1, "a", "v1", 3...9)
            history.put(2, "b", "v2", 4...8)
        },
        Example("a quota refuses what it allows") { history in
            history.quota(9, objects: 2, 1...2)
            history.put(1, "a", "v1", 3...4)
            history.put(1, "b", "v2", 5...6, .refused("quotaExceeded"))
        },
        Example("a bucket is missing between two answers from it") { history in
            history.get(1, "k", nil, 1...2)
            history.add(1, .get(Telling.place("k")), .refused("noSuchBucket"), 3...4)
        },
        Example("a bucket with an object is deleted") { history in
            history.put(1, "a", "v1", 1...2)
            history.add(1, .deleteBucket("b"), .done(.happened), 3...4)
        },
        Example("an unknown put is seen in a list and then gone") { history in
            history.put(1, "a", "v1", 1...1, .unknown)
            history.list(2, ["a=v1"], 3...4)
            history.list(2, [], 5...6)
        },
        Example("a get is answered at an older index than was answered before it") { history in
            history.put(1, "other", "v1", 1...2, index: 12, sequence: 5)
            history.get(2, "k", nil, 3...4, index: 11)
        },
        Example("a put has its place before one that was over") { history in
            history.put(1, "a", "v1", 1...2, index: 12, sequence: 7)
            history.put(1, "b", "v2", 3...4, index: 13, sequence: 6)
        },
        Example("two puts have one place in the order") { history in
            history.put(1, "a", "v1", 1...4, sequence: 7)
            history.put(2, "b", "v2", 2...5, sequence: 7)
        },
        Example("an object shows another place than its put was told") { history in
            history.put(1, "a", "v1", 1...2, sequence: 7)
            history.get(1, "a", "v1", 3...4, putSequence: 8)
        },
        Example("a get at an index misses a put that was answered at a lower one") { history in
            history.put(1, "k", "v1", 1...9, index: 12, sequence: 5)
            history.get(2, "k", nil, 2...8, index: 13)
            history.operations[1].outcome = .refused("noSuchObject")
        },
    ]

    @Test(arguments: good)
    func `a good history of objects is found good`(example: Example) {
        let verdict = Checker().check(example.operations)
        #expect(verdict.judgement == .linearizable, "\(verdict.witness)")
    }

    @Test(arguments: bad)
    func `a bad history of objects is found bad, with a witness`(example: Example) {
        let verdict = Checker().check(example.operations)
        #expect(verdict.judgement == .notLinearizable)
        #expect(verdict.witness.count > 2)
    }

    @Test(arguments: good + bad)
    func `every history is what it was after a way through its lines`(example: Example) throws {
        let text = example.operations.map { $0.line + "\n" }.joined()
        #expect(try HistoryReader.operations(in: text) == example.operations)
    }

    @Test
    func `tenants do not see each other`() {
        var history = Telling()
        history.put(1, "k", "v1", 1...2)
        history.get(2, "k", nil, 3...4)
        #expect(Checker().check(history.operations).judgement == .notLinearizable)
        history.operations[1].tenant = "other"
        #expect(Checker().check(history.operations).judgement == .linearizable)
    }

    @Test
    func `one stale get among thousands of doubts is found`() {
        var history = Telling()
        for number in UInt64(0)..<3_000 {
            let time = number * 100
            let key = "k\(number % 16)"
            history.put(number, key, "u\(number)", time...time, .unknown)
            history.put(9_000, key, "v\(number)", time + 1...time + 2, sequence: 2 * number + 1)
            history.get(9_001, key, "v\(number)", time + 3...time + 4)
        }
        #expect(Checker().check(history.operations).judgement == .linearizable)
        history.get(9_003, "k3", "v3", 290_000...290_001)
        let verdict = Checker().check(history.operations)
        #expect(verdict.judgement == .notLinearizable)
        #expect(verdict.witness.first?.contains("process 9003's get of b/k3") ?? false)
    }
}
