"""Chinese sentences of the table of all scores."""

TEXT = {
    "scores.table": "全部评分，并列真实图像的得分",
    "scores.head": "评分",
    "scores.real": "真实图像",
    "scores.protocol": "{num_gen} 张生成图像对 {num_real} 张测试图像；± 为 {sets} 组样本的标准差",
    "scores.protocol.one": "{num_gen} 张生成图像对 {num_real} 张测试图像；一组样本",
    "scores.bias": "图像无穷多时的弗雷歇距离",
    "scores.bias.note": "由若干样本量下的距离按 1/N 外推得到",
    "scores.kl": "类别分布与真实分布的差异",
    "scores.kl.note": "KL 散度，单位 nat；分布相同时为 0",
    "scores.clarity": "清晰度",
    "scores.clarity.note": "取值 1 到 {num_classes}：每张图像类别分明、各类别又均匀时高；不是 Inception Score",
    "scores.kind.fd": "弗雷歇距离",
    "scores.kind.kd": "核距离",
    "scores.kind.precision": "精确率",
    "scores.kind.recall": "召回率",
    "scores.kind.density": "密度",
    "scores.kind.coverage": "覆盖率",
    "scores.what.fd": "越低越好",
    "scores.what.kd": "越低越好；可因偶然略低于 0",
    "scores.what.precision": "落在真实图像之间的生成图像所占比例（像不像真的）",
    "scores.what.recall": "落在生成图像之间的真实图像所占比例（多样性是否齐全）",
    "scores.what.density": "生成图像所处位置周围真实图像的密集程度；约为 1 属正常",
    "scores.what.coverage": "邻域内有生成图像的真实图像所占比例",
    "scores.note": "“真实图像”一列是另一批真实图像对同样测试图像的得分：不能要求生成器比它更好。"
    "邻域半径取到同一集合中第五近的图像。",
}
