import CadastreTLS
import CoreMetrics
import Foundation
import Logging
import Metrics
import Synchronization
import Testing

@testable import CadastreRuntime

@Suite
struct PrometheusTests {
    private let factory = PrometheusFactory([
        .init("requests_total", .counter, "Requests\nof \"all\" kinds \\ more."),
        .init("level", .gauge, "A level."),
        .init("seconds", .histogram([0.5, 1, 2.5]), "Durations."),
    ])

    @Test
    func `counters, gauges and histograms are written as Prometheus reads them`() {
        let counter = Counter(
            label: "requests_total",
            dimensions: [("kind", "a")],
            factory: factory
        )
        counter.increment()
        counter.increment(by: 41)
        Gauge(label: "level", dimensions: [], factory: factory).record(2.5)
        let timer = Timer(label: "seconds", dimensions: [("x", "1")], factory: factory)
        for milliseconds in [250, 500, 750, 2_000, 9_000] { timer.recordMilliseconds(milliseconds) }
        #expect(
            factory.page() == """
                # HELP requests_total Requests\\nof "all" kinds \\\\ more.
                # TYPE requests_total counter
                requests_total{kind="a"} 42
                # HELP level A level.
                # TYPE level gauge
                level 2.5
                # HELP seconds Durations.
                # TYPE seconds histogram
                seconds_bucket{x="1",le="0.5"} 2
                seconds_bucket{x="1",le="1"} 3
                seconds_bucket{x="1",le="2.5"} 4
                seconds_bucket{x="1",le="+Inf"} 5
                seconds_sum{x="1"} 12.5
                seconds_count{x="1"} 5

                """
        )
    }

    @Test
    func `a label cannot break its line`() {
        Counter(label: "requests_total", dimensions: [("k", "a\"b\\c\nd")], factory: factory)
            .increment()
        #expect(factory.page().contains("requests_total{k=\"a\\\"b\\\\c\\nd\"} 1\n"))
    }

    @Test
    func `the same labels give the same metric`() {
        for _ in 0..<3 {
            Counter(label: "requests_total", dimensions: [("k", "v")], factory: factory).increment()
        }
        #expect(factory.page().contains("requests_total{k=\"v\"} 3\n"))
    }

    @Test
    func `an unknown family is recorded nowhere, and label sets are bounded`() {
        Counter(label: "unknown", dimensions: [], factory: factory).increment()
        for value in 0..<RuntimeLimits.maximumLabelSets + 50 {
            Counter(label: "requests_total", dimensions: [("v", "\(value)")], factory: factory)
                .increment()
        }
        let lines = factory.page().split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.count == RuntimeLimits.maximumLabelSets)
    }

    @Test
    func `every family of a node is declared once and used`() {
        let metrics = NodeMetrics()
        let names = NodeMetrics.families.map(\.name)
        #expect(Set(names).count == names.count)
        let page = metrics.factory.page()
        #expect(
            page.contains(
                "cadastre_connections_refused_total{listener=\"client\",reason=\"expired\"} 0"
            )
        )
        for family in NodeMetrics.families {
            #expect(!family.help.isEmpty)
            #expect(family.name.hasPrefix("cadastre_"))
        }
    }
}

@Suite
struct StructuredLogTests {
    private func line(_ message: Logger.Message, _ metadata: Logger.Metadata) -> String {
        let lines = Lines()
        let log = Logger(label: "node") { label in
            StructuredLog(
                label: label,
                level: .info,
                now: { Date(timeIntervalSince1970: 1_700_000_000.25) },
                sink: { lines.add($0) }
            )
        }
        log.info(message, metadata: metadata)
        log.debug("not written")
        return lines.all.joined()
    }

    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    @Test
    func `an event is one line of JSON with sorted metadata`() {
        #expect(
            line(
                "role changed",
                ["term": .stringConvertible(7), "leader": "a", "list": ["x", "y"]]
            )
                == """
                {"time":"2023-11-14T22:13:20.250Z","level":"info","log":"node",\
                "message":"role changed","leader":"a","list":["x","y"],"term":7}

                """
        )
    }

    @Test
    func `nothing from outside breaks a line or reaches a terminal`() throws {
        let evil = "a\"b\\c\nd\u{1B}[2J\u{202E}\u{2028}é"
        let text = line("x", ["name": "\(evil)"])
        #expect(text.filter { $0 == "\n" }.count == 1)
        #expect(!text.unicodeScalars.contains { $0.value == 0x1B || $0.value == 0x202E })
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        #expect(object?["name"] as? String == evil)
    }

    @Test
    func `a rate lets some through and counts the others`() {
        let rate = LogRate(perSecond: 2)
        let second: UInt64 = 1_000_000_000
        #expect(rate.admit(at: second) == 0)
        #expect(rate.admit(at: second + 1) == 0)
        #expect(rate.admit(at: second + 2) == nil)
        #expect(rate.admit(at: second + 3) == nil)
        #expect(rate.admit(at: 2 * second) == 2)
        #expect(rate.admit(at: 2 * second) == 0)
    }
}
