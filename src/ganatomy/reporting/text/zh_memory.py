"""Chinese sentences of how near generated images come to training images."""

TEXT = {
    "scores.table.other": "特征网络 {name} 下的评分",
    "memory.title": "是否照抄训练图像？",
    "memory.lead": "生成器即使只是照抄训练图像，评分也会很好。因此为每张生成图像寻找最近的训练图像，"
    "并为生成器从未见过的测试图像做同样的查找，作为对照。",
    "memory.run.none": "{run}：没有照抄的迹象。{n} 张生成图像中，像素上比 99 % 的测试图像更接近训练图像的占 {pixels}，"
    "特征上占 {features}。全新的真实图像约为 {expected}，偶然可达 {limit}。",
    "memory.run.one": "{run}：{n} 张生成图像中，像素上比 99 % 的测试图像更接近训练图像的占 {pixels}，"
    "特征上占 {features}。全新的真实图像约为 {expected}，偶然可达 {limit}，因此{where}偏多。"
    "平滑或过于典型的图像即使不是照抄，也会与其他图像接近：请看下面的图像对。",
    "memory.run.both": "{run}：有照抄的迹象。{n} 张生成图像中，像素上比 99 % 的测试图像更接近训练图像的占 {pixels}，"
    "特征上占 {features}。全新的真实图像约为 {expected}，偶然可达 {limit}。",
    "memory.run.untold": "{run}：是否照抄无从判断。{n} 张生成图像中，像素上比 99 % 的测试图像更接近训练图像的占 "
    "{pixels}，特征上占 {features}；但{why}。",
    "memory.untold": "{where}的结果说明不了什么：{why}。",
    "memory.unlike": "未列入表中的训练：{runs}。它们所用的样本量、数据或特征网络与第一个不同。",
    "memory.in.pixels": "像素上",
    "memory.in.features": "特征上",
    "memory.exact": "最接近的一对完全相同：这是照抄。",
    "memory.closest": "像素上最接近的一对相差 {levels} 级（满 255 级，各像素的均方根）；中位数为：生成图像 {median}，"
    "测试图像 {normal}。",
    "fig.nearest": "{run} 最接近训练图像的生成图像",
    "nearest.how": "上排为生成图像，下排为各自最近的训练图像，最接近的一对在最左。"
    "像素上在 {pixels} 张训练图像中查找，特征上在 {features} 张中查找。",
    "nearest.gen": "生成",
    "nearest.train": "训练",
    "memory.table": "与训练图像的接近程度",
    "memory.head": "指标",
    "memory.real": "测试图像",
    "memory.too_close": "{where}比 99 % 的测试图像更接近训练图像",
    "memory.closer": "{where}比测试图像更接近训练图像",
    "memory.median": "{where}的距离中位数",
    "memory.protocol": "{num_gen} 张生成图像和 {num_test} 张测试图像，对 {num_train} 张训练图像",
    "memory.what.closer": "任取一张生成图像与一张测试图像时的概率",
    "memory.what.median.pixels": "级（满 255 级），各像素的均方根",
    "memory.what.median.features": "欧氏距离",
    "memory.note": "最后一列是不照抄的图像的数值。超过一半比测试图像更接近训练图像，本身并不说明照抄："
    "缺少罕见细节的图像与许多图像都接近。",
}
