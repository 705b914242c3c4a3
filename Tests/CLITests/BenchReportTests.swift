import ArgumentParser
import Foundation
import Testing

@testable import cadastre

/// What a bench tells: lines for people, JSON, and a page with pictures.
@Suite
struct `Bench reports` {
    private func report(seconds: UInt64 = 5, perSecond rate: UInt64 = 100) throws -> BenchReport {
        let plan = try BenchPlan(.w1, try BenchVerbs.Put.parse([]).load)
        var meter = Meter(at: 0)
        for number in 0..<seconds * rate {
            let begin = number * (1_000_000_000 / rate)
            meter.record(
                number % 3 == 0 ? .put : .get,
                records: 1,
                from: begin,
                to: begin + 1_000_000 + number % 100 * 100_000,
                absent: number % 30 == 1 ? 1 : 0,
                unmet: 0
            )
        }
        meter.closeSeconds(at: seconds * 1_000_000_000)
        meter.firstTrouble = "<script>alert(\"&\")</script>"
        let waits = OpenLoop.Waits(late: 12, unsent: 3, longest: 250_000_000)
        return BenchReport(plan, Double(seconds), meter, waits, before: [], after: [])
    }

    private func json(_ report: BenchReport) throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(Console.encoded(report).utf8))
        return try #require(object as? [String: Any])
    }

    @Test
    func `the JSON keeps its names`() throws {
        let json = try json(try report().withoutCurves)
        for name in [
            "verb", "clients", "connections", "seconds", "operations", "operations_per_second",
            "mean_ms", "p50_ms", "p99_ms", "p999_ms", "max_ms", "longest_gap_ms", "absent", "unmet",
            "refused", "unknown", "first_trouble", "records_per_second", "batch",
        ] {
            #expect(json[name] != nil, "\(name)")
        }
        #expect(json["verb"] as? String == "W1")
        #expect(json["operations"] as? Int == 500)
        #expect(json["timeline"] == nil && json["curves"] == nil)
        let kinds = try #require(json["by_kind"] as? [String: [String: Any]])
        #expect(kinds.keys.sorted() == ["get", "put"])
        #expect(kinds["get"]?["absent"] as? Int == 17)
        let loop = try #require(json["open_loop"] as? [String: Any])
        #expect(loop["late"] as? Int == 12 && loop["unsent"] as? Int == 3)
        #expect(loop["longest_wait_ms"] as? Double == 250)
    }

    @Test
    func `people read what was left out and what came late`() throws {
        let text = try report().text
        for piece in [
            "W1, service mix", "multipart", "12 sent late", "3 never sent", "get", "put",
        ] {
            #expect(text.contains(piece), "\(piece) in \(text)")
        }
    }

    @Test
    func `the page stands alone and shows what was measured`() throws {
        let page = ReportPage(try report(), at: 1_764_000_000_000).html
        for piece in [
            "<!DOCTYPE html>", "Latency by percentile", "Throughput over time",
            "Latency over time", "latency, ms (logarithmic)", "operations/s", "99 %",
            "prefers-color-scheme: dark", "service mix", "2025-11-24T", "W1", "multipart uploads",
        ] {
            #expect(page.contains(piece), "\(piece)")
        }
        for foreign in ["http://", "https://", "<script", "url(", "@import", "src=", "href="] {
            #expect(!page.contains(foreign), "\(foreign)")
        }
        #expect(page.contains("&lt;script&gt;"))
        #expect(!page.contains("NaN") && !page.contains("inf ") && !page.contains("?"))
        // Every element that is opened is closed, which a parser of XML would see.
        for element in ["svg", "figure", "section", "table", "ul", "dl", "p", "text", "h2"] {
            let opened = page.ranges(of: try Regex("<\(element)[ >]")).count
            #expect(opened == page.ranges(of: "</\(element)>").count, "\(element)")
        }
    }

    @Test
    func `a page of nothing and of a single operation can be made`() throws {
        let plan = BenchPlan(.put, try BenchVerbs.Put.parse([]).load)
        var meter = Meter(at: 0)
        let nothing = BenchReport(plan, 0, meter, nil, before: [], after: [])
        #expect(ReportPage(nothing, at: 0).html.contains("</html>"))
        meter.record(.put, records: 1, from: 0, to: 5_000_000, absent: 0, unmet: 0)
        meter.closeSeconds(at: 1_000_000_000)
        let one = BenchReport(plan, 1, meter, nil, before: [], after: [])
        #expect(ReportPage(one, at: 0).html.contains("Latency by percentile"))
    }

    @Test
    func `long runs are told in fewer points`() throws {
        let page = ReportPage(try report(seconds: 700, perSecond: 2), at: 0).html
        #expect(page.contains("A point for each 2 s"))
    }

    @Test
    func `the folder holds the page and the numbers behind it`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        try ReportFolder(folder.path + "/deep").write(try report())
        let data = try Data(contentsOf: folder.appending(path: "deep/report.json"))
        let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        #expect((object?["timeline"] as? [Any])?.count == 5)
        #expect((object?["curves"] as? [String: Any])?.keys.sorted() == ["get", "put"])
        let index = folder.appending(path: "deep/index.html")
        let page = try String(contentsOf: index, encoding: .utf8)
        #expect(page.hasPrefix("<!DOCTYPE html>"))
    }

    @Test
    func `a folder that cannot be made is told at once`() {
        let failure = #expect(throws: Failure.self) { try ReportFolder("/dev/null/report") }
        #expect(failure?.status == .cannotCreate)
    }

    @Test
    func `axes have round numbers and hold what they must`() {
        let rate = Axis.linear("x", upTo: 4_321)
        #expect(rate.ticks.map(\.label) == ["0", "1,000", "2,000", "3,000", "4,000", "5,000"])
        let latency = Axis.logarithmic("y", 0.3...70)
        #expect(latency.position(0.3) >= 0 && latency.position(70) <= 1)
        let labels = ["0.2", "0.5", "1", "2", "5", "10", "20", "50", "100"]
        #expect(latency.ticks.map(\.label) == labels)
        let wide = Axis.logarithmic("y", 0.01...40_000)
        #expect(wide.ticks.map(\.label).contains("10,000"))
        #expect(!wide.ticks.map(\.label).contains("20,000"))
        let one = Axis.logarithmic("y", 5...5)
        #expect(one.position(5).isFinite)
        #expect(Axis.percentiles("x", upTo: 0.9995).ticks.map(\.label).last == "99.9 %")
        #expect(Axis.time("x", seconds: 10).ticks.map(\.label).last == "10")
    }
}
