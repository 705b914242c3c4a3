import ArgumentParser
import CadastreClient
import CadastreHistory
import CadastreProtocol
import Foundation
import Testing

@testable import cadastre

/// Histories from the bench's side and from the checker's.
@Suite
struct Histories {
    private func line(_ process: UInt64, _ action: Action, _ answer: String, at time: Int) -> String
    {
        let outcome: CadastreHistory.Outcome
        if case .read = action {
            outcome = .done(.value(answer))
        } else {
            outcome = .done(.happened)
        }
        return CadastreHistory.Operation(
            process: process,
            action,
            outcome,
            call: UInt64(time),
            return: UInt64(time + 1)
        ).line
    }

    private func check(_ lines: [String], _ options: [String] = []) throws -> Tool.Result {
        var result: Tool.Result?
        try withFolder { folder in
            let path = folder + "/history.jsonl"
            try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: path))
            result = try Tool.run(["history", "check", path] + options)
        }
        return try #require(result)
    }

    @Test
    func `a good history is found good`() throws {
        let lines = [
            line(1, .write(register: "x", value: "a"), "", at: 1),
            line(2, .read(register: "x"), "a", at: 3), "",
        ]
        let result = try check(lines)
        #expect(result.code == 0, "\(result.errors)")
        #expect(result.output.hasPrefix("linearizable: 2 operations, 0 of them unknown"))
        #expect(result.errors == "")
    }

    @Test
    func `a bad history is found bad, with a witness and a code of its own`() throws {
        let lines = [
            line(1, .write(register: "x", value: "a"), "", at: 1),
            line(1, .write(register: "x", value: "b"), "", at: 3),
            line(2, .read(register: "x"), "a", at: 5),
        ]
        let result = try check(lines)
        #expect(result.code == 65)
        #expect(result.output.contains("process 2's read of x"))
        #expect(result.output.contains("there, x holds b"))
        let json = try check(lines, ["--json"])
        #expect(json.code == 65)
        #expect(try json.json()["verdict"] as? String == "not linearizable")
        #expect(try (json.json()["witness"] as? [String])?.count == 5)
    }

    @Test
    func `a line that was cut is refused with its number`() throws {
        let first = line(1, .write(register: "x", value: "a"), "", at: 1)
        let result = try check([first, String(first.dropLast(20))])
        #expect(result.code == 65)
        #expect(result.errors.contains("is no history: line 2: "))
    }

    @Test
    func `what runs out of steps is undecided`() throws {
        var lines = (1...12).map { number in
            CadastreHistory.Operation(
                process: UInt64(number),
                .write(register: "x", value: "\(number)"),
                .done(.happened),
                call: 1,
                return: 100
            ).line
        }
        lines.append(line(20, .read(register: "x"), "1", at: 200))
        lines.append(line(20, .read(register: "x"), "2", at: 300))
        let result = try check(lines, ["--steps", "100"])
        #expect(result.code == 75)
        #expect(result.output.hasPrefix("undecided: 14 operations"))
        #expect(result.errors.contains("give more --steps"))
    }

    @Test
    func `a bench tells what its clients asked and were told, and of whom nobody heard`() throws {
        try withFolder { folder in
            let path = folder + "/history.jsonl"
            let history = try BenchHistory(path)
            var put = PutObject(bucket: Array("bucket".utf8), key: [0x6B, 0], size: 7)
            put.etag = Array("v1".utf8)
            put.precondition = .ifAbsent
            history.isGiven(Array("bucket".utf8))
            history.begins(3, Submission(.command, put.encoded))
            history.begins(4, Submission(.command, put.encoded))
            history.begins(5, Submission(.command, put.encoded))
            let get = GetObject(bucket: Array("bucket".utf8), key: [0x6B, 0])
            history.begins(6, Submission(.query, get.encoded))
            history.ends(3, .done(.command(.done(sequence: 9)), appliedIndex: 12))
            history.ends(4, .refused(Refused(.preconditionFailed, detail: "there is one")))
            history.ends(5, .unknown("the deadline passed"))
            history.end()
            history.end()
            #expect(history.failure == nil)
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let all = try HistoryReader.operations(in: text)
            #expect(all.map(\.process) == [0, 3, 4, 5, 6])
            #expect(all.map(\.index) == [nil, 12, nil, nil, nil])
            #expect(all[1].sequence == 9)
            #expect(all[2].outcome == .refused("preconditionFailed"))
            #expect(all[3].isUnknown && all[4].isUnknown)
            #expect(
                all[1].action
                    == .put(Place("bucket", [0x6B, 0]), etag: "v1", size: 7, .absent)
            )
            let times = all.map(\.callNanoseconds)
            #expect(times == times.sorted() && Set(times).count == times.count)
            #expect(Checker().check(all).judgement == .linearizable)
        }
    }

    @Test
    func `a history that cannot be written is said once, and at the beginning if it can be`() throws
    {
        let history = try BenchHistory("/dev/full")
        history.isGiven(Array("b".utf8))
        history.end()
        #expect(history.failure?.status == .inputOutput)
        #expect(history.failure?.what.contains("No space left on device") ?? false)
        #expect(throws: Failure.self) { try BenchHistory("/nonexistent/history") }
    }

    @Test
    func `a mixed load asks everything about few keys, and each of its values is one of a kind`()
        throws
    {
        let maker = RequestMaker(BenchPlan(.mixed, try BenchVerbs.Mixed.parse([]).load))
        var etags: Set<[UInt8]> = []
        var keys: Set<[UInt8]> = []
        var puts = 0
        var kinds: Set<String> = []
        for number in 0..<2_000 {
            let operation = maker.operation(UInt64(number))
            switch try operation.request.content {
            case .command(.putObject(let put)):
                puts += 1
                etags.insert(put.etag)
                keys.insert(put.key)
                let kind =
                    switch put.precondition {
                    case nil: "put"
                    case .ifAbsent: "put if absent"
                    case .ifPresent: "put if present"
                    case .ifMatch: "put if match"
                    }
                kinds.insert(kind)
            case .command(.deleteObject): kinds.insert("delete")
            case .query(.getObject): kinds.insert("get")
            case .query(.listObjects): kinds.insert("list")
            case .query(.getUsage): kinds.insert("usage")
            case .command, .query, .administration: Issue.record("something else is asked")
            }
        }
        #expect(etags.count == puts)
        #expect(keys.count <= 64)
        #expect(kinds.count == 8)
    }
}
